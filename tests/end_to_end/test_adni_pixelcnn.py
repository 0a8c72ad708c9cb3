"""`adni-vqvae-pixelcnn` on the ADNI layout: from files to samples, completions and report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq import load

SCANVQ = Path(sys.executable).with_name("scanvq")
SHRUNKEN = (
    "--epochs=2",
    "--log=none",
    "--device=cpu",
    "--set=preparation.size=[60, 64]",  # a quarter of ADNI's 240x256
    "--set=preparation.fit=resize",
    "--set=prior.channels=16",
    "--set=prior.hidden=8",
    "--set=training.tokenizer.batch_size=8",
    "--set=training.prior.batch_size=8",
    "--set=training.tokenizer.precision=fp32",
    "--set=training.prior.precision=fp32",
)


def scanvq(environment: dict[str, str], *words: str | Path) -> str:
    done = subprocess.run(
        [str(word) for word in (SCANVQ, *words)], env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cohort in `scans`, and a run on it in `run`."""
    folder = tmp_path_factory.mktemp("adni")
    scans, run = folder / "scans", folder / "run"
    scanvq(environment, "data", "demo", scans, "--layout=adni", "--subjects=8", "--slices=2")
    scanvq(environment, "fit", scans, "--recipe=adni-vqvae-pixelcnn", f"--out={run}", *SHRUNKEN)
    return folder


def test_the_run_has_the_labels_and_the_aspect_ratio(folder: Path) -> None:
    run = load(folder / "run", device="cpu")
    assert run.labels == ("AD", "NC")
    assert run.model.code_shapes == ((15, 16),)
    assert run.model.prior.conditions.labels == ("AD", "NC")


def test_samples_of_a_class(folder: Path, environment: dict[str, str]) -> None:
    out = folder / "samples"
    scanvq(environment, "sample", folder / "run", f"--out={out}", "-n", "3", "--label=AD")
    with np.load(out / "codes.npz") as saved:
        codes = next(saved[name] for name in saved.files if saved[name].shape == (3, 15, 16))
    assert codes.min() >= 0
    assert codes.max() < 64
    assert (out / "samples.png").is_file()


def test_a_completed_scan_keeps_its_known_half(folder: Path, environment: dict[str, str]) -> None:
    scan = next((folder / "scans").rglob("test/AD/*.jpeg"))
    out = folder / "completed"
    words = ("inpaint", folder / "run", scan, "--keep=top-half", "-n", "2", f"--out={out}")
    scanvq(environment, *words)
    with Image.open(scan) as opened:
        original = np.asarray(opened)
    completed = [np.asarray(Image.open(path)) for path in sorted(out.glob("*.png"))]
    whole = [pixels for pixels in completed if pixels.shape == original.shape]
    half = original.shape[0] // 2
    assert len(whole) >= 2
    assert all(np.array_equal(pixels[:half], original[:half]) for pixels in whole[:2])


def test_the_report_is_written_with_the_reported_numbers(folder: Path, environment: dict[str, str]) -> None:
    page = folder / "run" / "report.html"
    page.unlink()
    scanvq(environment, "report", folder / "run")
    text = page.read_text(encoding="utf-8")
    assert "course report 002" in text
    assert "adni-vqvae-pixelcnn" in text
