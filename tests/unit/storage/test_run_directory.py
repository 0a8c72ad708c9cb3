"""The paths of a run, and the errors for missing files."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanvq.storage.files import DamagedFileError
from scanvq.storage.run_directory import FORMAT_VERSION, RunDirectory, RunError


def test_values_are_read_as_written(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.write(run.recipe, "any")
    run.write(run.cost, {"estimated": None, "extra": EXTRA})
    assert run.read(run.cost) == {"estimated": None, "extra": EXTRA}


EXTRA = {"seconds": 1.5, "images_per_second": 2.0, "peak_memory_mb": 3.0}


def test_records_without_a_field_are_refused_by_its_name(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.write(run.recipe, "any")
    run.write(run.metrics_of(Path("other")), {"ssim": 0.9})
    with pytest.raises(DamagedFileError, match=r"metrics-other\.json is damaged \(tokenizer: Field required"):
        run.read(run.metrics_of(Path("other")))


def test_the_files_of_a_run_have_the_documented_names(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    paths = (run.recipe, run.fingerprint, run.environment, run.metrics, run.report, run.codes)
    assert [path.name for path in paths] == [
        "recipe.toml",
        "fingerprint.json",
        "environment.json",
        "metrics.json",
        "report.html",
        "codes",
    ]
    assert run.tokenizer.best == tmp_path / "tokenizer" / "best.safetensors"
    assert run.prior.last == tmp_path / "prior" / "last.safetensors"
    assert run.prior.resume == tmp_path / "prior" / "resume.pt"


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with pytest.raises(RunError, match=r"is no ScanVQ run \(it has no recipe\.toml\)"):
        run.read(run.metrics)


def test_a_run_that_is_not_finished(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write(run.recipe, "any")
    with pytest.raises(RunError, match=r"has no metrics\.json yet; finish it with `scanvq fit --resume"):
        run.read(run.metrics)


def test_settings_are_read_as_written_and_hold_the_format(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write(run.recipe, "any")
    run.write_settings({"seed": 3})
    assert run.read_settings() == {"seed": 3}
    assert run.read(run.settings) == {"format": FORMAT_VERSION, "seed": 3}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": 3}, r"was made by an older ScanVQ \(format 1\): train again"),
        ({"format": 99}, r"was made by a newer ScanVQ \(format 99\); upgrade it"),
    ],
)
def test_a_run_of_another_format_is_refused(tmp_path: Path, settings: dict[str, int], message: str) -> None:
    run = RunDirectory(tmp_path)
    run.write(run.recipe, "any")
    run.write(run.metrics, {"ssim": 0.9})
    run.write(run.settings, settings)
    for opened in (run.check, run.read_settings, lambda: run.read(run.metrics)):
        with pytest.raises(RunError, match=message):
            opened()
