"""The check on a GPU, without one: requirements, time limits, results, and the section of the speed page."""

import json
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks import page
from benchmarks.gpu_check import limited, parts, requirements, section, wheels
from benchmarks.gpu_check.__main__ import TIME
from benchmarks.record import Row, Setup

ROOT = Path(__file__).parent.parent.parent.parent
MACHINE = {
    "processor": "a processor",
    "gpu": "a GPU",
    "bf16_units": [],
    "logical_cores": 2,
    "threads": 2,
    "load_average_before": [0.0, 0.0, 0.0],
    "torch": "2.11",
    "python": "3.12",
}


def setting(tmp_path: Path, **changes: object) -> parts.Setting:
    given = {"device": "cuda", "tiny": False, "scans": None, "work": tmp_path, "out": tmp_path / "check.json"}
    return parts.Setting(**given | changes)


def run(code: str, tmp_path: Path, limit: float) -> limited.Outcome:
    command = [sys.executable, "-c", code]
    return limited.run(
        command, limit=limit, log=tmp_path / "log", environment=dict(os.environ), folder=tmp_path
    )


def runs(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_is_absent_or_too_old_is_lacking():
    wanted = ["a>=1.10", "b_c>=2", "d>=3.0", "e"]
    installed = {"a": "1.9.3", "b-c": None, "d": "3.0+cu130", "e": "0.1"}
    assert requirements.lacking(wanted, installed) == ["a>=1.10", "b_c>=2"]


def test_requirements_are_those_of_the_project_and_of_the_demo_cohort():
    project = {"project": {"dependencies": ["torch>=2.4", "tensorboard>=2.16"]}}
    assert requirements.requirements(project, demo_cohort=False) == ["torch>=2.4", "pytest>=8"]
    assert requirements.requirements(project, demo_cohort=True)[-1].startswith("nilearn")


def test_every_requirement_is_carried_or_expected_of_the_machine():
    carried = {
        requirements.name_of(line) for line in wheels.NAMES.read_text().splitlines() if line[:1] != "#"
    }
    wanted = requirements.requirements(requirements.read_project(), demo_cohort=True)
    others = {requirements.name_of(one) for one in wanted} - carried
    assert others == {"torch", "numpy", "scipy", "matplotlib"}


def test_missing_packages_are_named_together(tmp_path):
    with pytest.raises(requirements.MissingRequirementsError, match=r"lacks nowhere-a>=1, nowhere-b>=2,"):
        requirements.install(["nowhere-a>=1", "pytest>=8", "nowhere-b>=2"], tmp_path, tmp_path / "packages")


def test_nothing_is_installed_on_a_machine_that_has_everything(tmp_path):
    assert requirements.install(["pytest>=8"], tmp_path / "wheels", tmp_path / "packages") == []


def test_a_command_ends_well_or_fails(tmp_path):
    passed, failed = (
        run("print('done')", tmp_path, 60),
        run("print('why'); raise SystemExit(3)", tmp_path, 60),
    )
    assert (passed.status, passed.output.strip(), passed.tail) == ("passed", "done", "")
    assert (failed.status, failed.tail.strip()) == ("failed", "why")


def test_a_command_is_stopped_at_its_limit_with_what_it_started(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    outcome = run(code, tmp_path, 5)
    assert outcome.status == "stopped"
    end = time.monotonic() + 20  # the system takes a moment to end a process
    while runs(int(outcome.output)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not runs(int(outcome.output))


def test_a_command_without_time_is_not_begun(tmp_path):
    assert run("print('done')", tmp_path, 0.5).status == "not begun"


def test_a_part_may_use_what_earlier_parts_left_over():
    shares = {"a": 10, "b": 20, "c": 30}
    assert limited.limits(shares, "a", 60) == 10
    assert limited.limits(shares, "b", 58) == 28
    assert limited.limits(shares, "c", 7) == 7
    assert limited.limits(shares, "b", 25) == 0


def test_all_parts_end_within_eight_minutes(tmp_path):
    assert list(parts.SHARES) == [one.name for one in parts.parts(setting(tmp_path))]
    assert sum(parts.SHARES.values()) < TIME < 8 * 60


def test_scans_of_ones_own_replace_the_demo_cohort(tmp_path):
    found = {one.name: one for one in parts.parts(setting(tmp_path, scans=tmp_path / "own"))}
    assert "cohort" not in found
    assert str(tmp_path / "own") in found["fit"].arguments


def test_results_of_tests_are_read_from_lines_also_of_a_run_cut_short():
    output = (
        "tests/gpu/test_a.py::test_one[some samples-a] PASSED [ 25%]\n"
        "tests/gpu/test_a.py::test_two FAILED [ 50%]\n"
        "tests/gpu/test_a.py::test_three SKIPPED (needs a CUDA device) [ 75%]\n"
        "tests/gpu/test_b.py::test_four ERROR [100%]\n"
        "SKIPPED [1] tests/gpu/test_a.py:7: needs a CUDA device\n"
        "tests/gpu/test_b.py::test_five "
    )
    found = parts.tests_of(output)
    assert (found["passed"], found["failed"], found["skipped"]) == (1, 2, 1)
    assert found["failures"] == ["tests/gpu/test_a.py::test_two", "tests/gpu/test_b.py::test_four"]
    assert found["skip_reasons"] == ["needs a CUDA device"]


def test_files_of_gpu_tests_are_found_by_their_mark():
    found = {path.relative_to(ROOT / "tests").as_posix() for path in parts.gpu_test_files(ROOT / "tests")}
    assert {"gpu/test_priors.py", "gpu/test_quantizers.py", "gpu/test_tokenizers.py"} <= found
    assert "unit/kernels/test_graph_replay.py" in found


def test_what_a_stopped_fit_has_not_written_is_none(tmp_path):
    fit = next(one for one in parts.parts(setting(tmp_path)) if one.name == "fit")
    kept = fit.collect("OASIS: 6 slices\ntokenizer 12%, 3s left: \n")
    assert (kept["metrics"], kept["peak_memory"], kept["pictures"]) == (None, None, [])
    assert kept["lines"] == ["OASIS: 6 slices"]


def record(**changes):
    row = Row(case="some work", seconds={"scanvq": [1.0], "peer": [3.0]}, ours="scanvq").to_dict()
    metrics = {
        "tokenizer": {"test": {"ssim": {"mean": 0.81}}},
        "prior": {"test": {"bits_per_code": 4.5}},
        "cost": {"tokenizer": {"images_per_second": 1234.5}, "prior": {"images_per_second": 99.0}},
    }
    ended = {"status": "passed", "seconds": 12.0, "limit_seconds": 60.0, "output": ""}
    found = {
        "device": "cuda",
        "device_memory_mb": 81920.0,
        "cuda": "13.0",
        "machine": MACHINE,
        "tiny": False,
        "scans": "demo cohort",
        "seconds": 400.0,
        "parts": {
            "tests": {**ended, "passed": 50, "failed": 1, "skipped": 0, "status": "failed"},
            "fit": {
                **ended,
                "budget": "2m",
                "metrics": metrics,
                "peak_memory": {"process_mb": 2000.0, "cuda_allocated_mb": 3000.0},
                "pictures": ["gpu_check-report-generated.png"],
            },
            "samples": {**ended, "status": "not begun"},
            "quantizer": {**ended, "status": "stopped", "record": {"machine": MACHINE, "rows": [row]}},
        },
    }
    return found | changes


def test_page_says_plainly_that_there_was_no_gpu(tmp_path):
    assert section.read(tmp_path) is None
    text = page.page({}, None)
    assert "No GPU has been available so far: these rows are empty." in text
    assert "| quantizer |  |  |  |" in text


def test_page_shows_the_check(tmp_path):
    (tmp_path / section.FILE).write_text(json.dumps(record()), encoding="utf-8")
    check = section.read(tmp_path)
    text = page.page(page.read(tmp_path), check)
    assert "No GPU" not in text
    assert "a GPU, 80 GiB, CUDA 13.0, PyTorch 2.11, Python 3.12; demo cohort; 400 seconds in all." in text
    assert "| tests | failed | 12 | 50 passed, 1 failed, 0 skipped |" in text
    assert "SSIM 0.810; 4.50 bits per code; tokenizer 1,234 images/s" in text
    assert "peak memory 3,000 MB of the GPU, 2,000 MB of the process" in text
    assert "| samples | not begun | 12 |  |" in text
    assert "| quantizer | stopped | 12 | 1 rows, [below](#quantizer) |" in text
    assert (
        "![gpu_check-report-generated.png](../../benchmarks/results/gpu_check-report-generated.png)" in text
    )
    assert "|  | peer | 3.00 s | 3.00x |  |" in text


def test_page_shows_no_scans_of_ones_own():
    assert "png" not in "".join(section.section(record(scans="a folder"), pictures="results"))


def test_pictures_of_ones_own_scans_are_not_among_the_results(tmp_path):
    assert setting(tmp_path).picture("samples") == tmp_path / "check-samples.png"
    own = setting(tmp_path, scans=tmp_path / "own").picture("samples")
    assert own == ROOT / "runs" / "gpu_check" / "check-samples.png"


@pytest.mark.parametrize("changes", [{"device": "cpu"}, {"tiny": True}])
def test_a_dry_run_is_no_number_of_a_gpu(tmp_path, changes):
    (tmp_path / section.FILE).write_text(json.dumps(record(**changes)), encoding="utf-8")
    with pytest.raises(ValueError, match="no numbers of a GPU"):
        section.read(tmp_path)


def test_few_turns_are_a_matter_of_the_setting():
    assert Setup(turns=3).limited(15) == 3
    assert Setup(turns=3).limited(2) == 2
    assert Setup().limited(15) == 15
