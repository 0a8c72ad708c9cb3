"""One small trained run, and the command as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[[Sequence[Sequence[object]]], list[str]]
MadeOnce = Callable[[str, Callable[[Path], None]], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.end_to_end)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Makes a folder by its name; with pytest-xdist, one worker makes it and the others wait."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        path, done = base / name, base / f"{name}.done"
        with FileLock(base / f"{name}.lock"):
            if not done.exists():
                make(path)
                done.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Options that make `fit` take seconds."""
    return ("--recipe=tiny", "--set=preparation.size=[32,32]", "--set=prior.channels=16", "--log=none")


@pytest.fixture(scope="session")
def scanvq(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Runs a command in a separate folder; asserts the exit code, and that there is no traceback."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "scanvq", *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            cwd=elsewhere,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


_SEVERAL_CALLS = """
import contextlib, io, json, sys
from scanvq.cli.main import main
results = []
for arguments in json.load(sys.stdin):
    sys.argv = ["scanvq", *arguments]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main() or 0
        except SystemExit as stop:
            code = stop.code
    results.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(results))
"""


@pytest.fixture(scope="session")
def refused(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Refused:
    """The messages of several failing calls, each with exit code 2; in one process, for speed."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(calls: Sequence[Sequence[object]]) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", _SEVERAL_CALLS],
            input=json.dumps([[str(argument) for argument in call] for call in calls]),
            capture_output=True,
            text=True,
            env=environment,
            cwd=elsewhere,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        messages = []
        for call, (code, out, err) in zip(calls, json.loads(done.stdout), strict=True):
            assert (code, out) == (2, ""), (call, code, out, err)
            assert err.startswith("scanvq: "), (call, err)
            assert "Traceback" not in err
            messages.append(err.removeprefix("scanvq: ").strip())
        assert not list(elsewhere.iterdir())
        return messages

    return run


@pytest.fixture(scope="session")
def cohorts(scanvq: Command, made_once: MadeOnce) -> dict[str, Path]:
    """The demo cohort in the layouts of the three course data sets; tests must not change it."""

    def make(folder: Path) -> None:
        for layout in ("oasis", "hipmri", "adni"):
            scanvq("data", "demo", folder / layout, "--subjects", 8, "--slices", 3, "--layout", layout)

    folder = made_once("cohorts", make)
    return {layout: folder / layout for layout in ("oasis", "hipmri", "adni")}


@pytest.fixture(scope="session")
def trained(scanvq: Command, cohorts: dict[str, Path], tiny: tuple[str, ...], made_once: MadeOnce) -> Path:
    """A run on the ADNI layout, with labels, of images of 32x32; tests must not change it."""

    def make(run: Path) -> None:
        scanvq("fit", cohorts["adni"], *tiny, "--epochs", 2, "--out", run)

    return made_once("trained", make)


@pytest.fixture(scope="session")
def own_scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scans of every format, 50 rows by 44 columns, different from the training scans."""
    folder = tmp_path_factory.mktemp("own")
    rows, columns = np.mgrid[-1:1:50j, -1:1:44j]
    random = np.random.default_rng(0)
    slice_ = np.clip(200 * np.exp(-3 * (rows**2 + columns**2)) + random.normal(0, 5, rows.shape), 0, 255)
    eight = slice_.astype(np.uint8)
    Image.fromarray(eight).save(folder / "eight.png")
    Image.fromarray((slice_ * 200).astype(np.uint16)).save(folder / "sixteen.png")
    Image.fromarray(eight).convert("RGB").save(folder / "color.png")
    Image.fromarray(eight).save(folder / "photo.jpeg")
    flat = (slice_ / 10).astype(np.float32)[..., None]
    nib.save(nib.Nifti1Image(flat, np.eye(4)), folder / "case_004_week_0_slice_0.nii.gz")
    volume = np.stack([slice_, slice_ * 0.8, slice_ * 0.5], axis=-1)
    nib.save(nib.Nifti1Image(volume.astype(np.int16), np.diag([-2, 1, 3, 1])), folder / "volume.nii")
    nib.save(nib.Nifti1Image(volume / 7, np.diag([2, -1, 3, 1])), folder / "double.nii.gz")
    return folder
