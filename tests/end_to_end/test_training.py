"""`fit` as a user runs it: interrupted, killed, resumed, and on two processes."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

STAGES = ("tokenizer", "prior")
TIMEOUT = 120.0  # seconds; far more than anything here takes
SHRUNKEN = (
    "--recipe=tiny",
    "--device=cpu",
    "--set=preparation.size=[32, 32]",
    "--set=tokenizer.norm=batch",
    "--set=tokenizer.quantizer.restart_after=3",
)
EPOCHS = (
    "--log=none",
    "--epochs=60",
    "--set=training.tokenizer.batch_size=8",
    "--set=training.prior.batch_size=8",
)
OFTEN = tuple(f"--set=training.{stage}.save_every=0.05" for stage in STAGES)


@dataclass(frozen=True)
class Command:
    """Starts `scanvq` and others of its environment, with what they print in files."""

    environment: dict[str, str]
    folder: Path

    def start(self, *command: str | Path) -> subprocess.Popen[bytes]:
        with (self.folder / "printed.txt").open("ab") as printed:
            return subprocess.Popen(
                [str(one) for one in command], env=self.environment, stdout=printed, stderr=printed
            )

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            [str(one) for one in command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def printed(self) -> str:
        return (self.folder / "printed.txt").read_text()


SCANVQ = Path(sys.executable).with_name("scanvq")


@pytest.fixture
def command(environment: dict[str, str], tmp_path: Path) -> Command:
    return Command(environment, tmp_path)


@pytest.fixture(scope="module")
def whole(scans: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    Command(environment, folder).run(SCANVQ, "fit", scans, f"--out={folder / 'run'}", *SHRUNKEN, *EPOCHS)
    return folder / "run"


def assert_equal_weights(run: Path, other: Path) -> None:
    for stage in STAGES:
        for name in ("best", "last"):
            one, two = (load_file(path / stage / f"{name}.safetensors") for path in (run, other))
            assert one.keys() == two.keys()
            assert [key for key in one if not torch.equal(one[key], two[key])] == [], f"{stage} {name}"


def wait_for(process: subprocess.Popen[bytes], happened: Callable[[], bool]) -> bool:
    """True once it happened; False where the process ended before."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if happened():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    raise TimeoutError


@pytest.mark.parametrize(("stage", "number"), [("tokenizer", signal.SIGINT), ("prior", signal.SIGHUP)])
def test_an_interrupted_and_resumed_run_gives_the_same_weights(
    scans: Path, whole: Path, command: Command, tmp_path: Path, stage: str, number: int
) -> None:
    run = tmp_path / "run"
    process = command.start(SCANVQ, "fit", scans, f"--out={run}", *SHRUNKEN, *EPOCHS)
    assert wait_for(process, (run / stage / "best.safetensors").exists)
    process.send_signal(number)
    assert process.wait(TIMEOUT) == 130, command.printed
    assert f"scanvq fit --resume --out {run}" in command.printed
    saved = json.loads((run / stage / "history.json").read_text())
    assert 0 < saved["step"] < json.loads((whole / stage / "history.json").read_text())["step"]
    assert not (run / "metrics.json").exists()
    command.run(SCANVQ, "fit", "--resume", f"--out={run}")
    assert_equal_weights(run, whole)
    assert (run / "report.html").exists()


def test_a_second_training_of_the_same_run_is_refused(scans: Path, command: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = command.start(SCANVQ, "fit", scans, f"--out={run}", *SHRUNKEN, "--epochs=1000")
    assert wait_for(process, (run / "tokenizer" / "best.safetensors").exists)
    for arguments in (("--resume",), (scans, *SHRUNKEN)):
        other = command.start(SCANVQ, "fit", *arguments, f"--out={run}")
        assert other.wait(TIMEOUT) == 2
        assert "is being trained by process" in command.printed or "is not empty" in command.printed
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT) == 130, command.printed


def test_a_repeatedly_killed_run_gives_the_same_weights(
    scans: Path, whole: Path, command: Command, tmp_path: Path
) -> None:
    run, moment = tmp_path / "run", random.Random(0)
    begin = (SCANVQ, "fit", scans, f"--out={run}", *SHRUNKEN, *EPOCHS, *OFTEN)
    go_on = (SCANVQ, "fit", "--resume", f"--out={run}")
    killed = 0

    def kill_at(happened: Callable[[], bool], after: float) -> None:
        nonlocal killed
        process = command.start(*(go_on if (run / "recipe.toml").exists() else begin))
        if wait_for(process, happened):
            time.sleep(moment.uniform(0, after))
            process.kill()
        killed += process.wait(TIMEOUT) == -signal.SIGKILL

    def saved_anew(file: Path) -> Callable[[], bool]:
        before = file.stat().st_mtime_ns if file.exists() else 0
        return lambda: file.exists() and file.stat().st_mtime_ns > before

    kill_at(lambda: True, after=3.0)  # anywhere from its imports to training
    kill_at(run.exists, after=0.3)
    for stage in STAGES:
        for _ in range(2):
            kill_at(saved_anew(run / stage / "resume.pt"), after=0.2)
    assert killed >= 5, command.printed
    command.run(*(go_on if (run / "recipe.toml").exists() else begin))
    assert_equal_weights(run, whole)
    assert list(run.rglob(".writing-*")) == []
    metrics = [json.loads((path / "metrics.json").read_text()) for path in (run, whole)]
    assert all(metrics[0][part] == metrics[1][part] for part in STAGES)


def test_resuming_a_finished_run_changes_nothing(whole: Path, command: Command) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*.safetensors")}
    command.run(SCANVQ, "fit", "--resume", f"--out={whole}")
    assert {path: path.read_bytes() for path in whole.rglob("*.safetensors")} == before


def test_two_processes_equal_one_with_twice_the_batch(scans: Path, command: Command, tmp_path: Path) -> None:
    """Few, small steps: Adam can blow rounding up to the size of a step, and a near tie then flips a code."""

    def fit(name: str, batch: int, *launcher: str | Path) -> str:
        settings = [f"--set=training.{stage}.batch_size={batch}" for stage in STAGES]
        settings += [f"--set=training.{stage}.learning_rate=1e-4" for stage in STAGES]
        settings += ["--set=training.prior.objective.condition_dropout=0.0", "--epochs=3"]
        return command.run(*launcher, "fit", scans, f"--out={tmp_path / name}", *SHRUNKEN, *settings)

    alone = fit("one", 16, SCANVQ)
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    together = fit("two", 8, *launcher, "-m", "scanvq")

    for stage in STAGES:
        one, two = (load_file(tmp_path / run / stage / "last.safetensors") for run in ("one", "two"))
        assert one.keys() == two.keys()
        for key in one:
            assert float((two[key] - one[key]).abs().max()) <= 1e-4, f"{stage} {key}"
        histories = [
            json.loads((tmp_path / run / stage / "history.json").read_text())["history"]
            for run in ("one", "two")
        ]
        validations = [[r for r in history if r["split"] == "validation"] for history in histories]
        assert len(validations[0]) == 3
        for first, second in zip(*validations, strict=True):
            numbers = {name: value for name, value in first.items() if name not in ("seconds", "split")}
            assert {name: second[name] for name in numbers} == pytest.approx(numbers, abs=1e-4)

    # Only one of the two writes and speaks.
    assert together.count("test images at") == alone.count("test images at") == 1
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")


def files_of(run: Path) -> list[str]:
    """The files of a run, by name but for the trackers', which have the time in theirs."""
    return sorted(
        "events" if "tfevents" in path.name else str(path.relative_to(run))
        for path in run.rglob("*")
        if path.is_file()
    )
