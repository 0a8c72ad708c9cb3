"""`oasis-vqvae-gan` on the OASIS layout, as a user runs it: from files to samples, scores and report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scanvq import load
from scanvq.training.progress_pictures import read_progress

SCANVQ = Path(sys.executable).with_name("scanvq")
SHRUNKEN = (
    "--epochs=2",
    "--log=none",
    "--device=cpu",
    "--set=preparation.size=[64, 64]",  # a quarter of OASIS's 256x256
    "--set=preparation.fit=resize",
    "--set=prior.channels=8",
    "--set=prior.discriminator_channels=8",
    "--set=training.tokenizer.batch_size=8",
    "--set=training.prior.batch_size=8",
    "--set=training.tokenizer.precision=fp32",
    "--set=training.prior.precision=fp32",
)


def called(environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(word) for word in (SCANVQ, *words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)


def scanvq(environment: dict[str, str], *words: str | Path) -> str:
    done = called(environment, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cohort in `scans`, and a run on it in `run`."""
    folder = tmp_path_factory.mktemp("oasis")
    scans, run = folder / "scans", folder / "run"
    scanvq(environment, "data", "demo", scans, "--layout=oasis", "--subjects=12", "--slices=2")
    scanvq(environment, "fit", scans, "--recipe=oasis-vqvae-gan", f"--out={run}", *SHRUNKEN)
    return folder


def test_both_players_are_in_the_history_and_in_the_weights(folder: Path) -> None:
    history = json.loads((folder / "run" / "prior" / "history.json").read_text())["history"]
    for split in ("train", "validation"):
        last = [record for record in history if record["split"] == split][-1]
        assert {
            "discriminator_loss",
            "discriminator_real",
            "discriminator_fake",
            "generator_loss",
        } <= last.keys()
    run = load(folder / "run", device="cpu")
    assert run.model.code_shapes == ((16, 16),)
    names = {name.split(".")[2] for name in run.model.prior.state_dict()}
    assert names == {"generator", "critic", "vectors"}


def test_progress_samples_use_the_same_noise(folder: Path) -> None:
    moments = read_progress(folder / "run" / "prior" / "progress.npz")
    assert [images.shape for _, images in moments] == [(4, 64, 64)] * len(moments)
    assert moments


def test_samples_are_codes_and_do_not_depend_on_their_number(
    folder: Path, environment: dict[str, str]
) -> None:
    drawn = {}
    for count in (2, 3):
        out = folder / f"samples-{count}"
        scanvq(environment, "sample", folder / "run", f"--out={out}", "-n", str(count))
        with np.load(out / "codes.npz") as saved:
            drawn[count] = next(saved[name] for name in saved.files if saved[name].shape == (count, 16, 16))
    assert drawn[2].min() >= 0
    assert drawn[2].max() < 512
    assert np.array_equal(drawn[2], drawn[3][:2])


def test_there_is_no_likelihood(folder: Path, environment: dict[str, str]) -> None:
    scanvq(environment, "evaluate", folder / "run")
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    assert metrics["prior"]["test"] is None
    assert metrics["tokenizer"]["test"]["n"] > 0


def test_inpainting_raises(folder: Path, environment: dict[str, str]) -> None:
    scan = next((folder / "scans").rglob("keras_png_slices_test/*.png"))
    words = ("inpaint", folder / "run", scan, "--keep=top-half", f"--out={folder / 'completed'}")
    done = called(environment, *words)
    assert done.returncode == 2
    assert "generates whole images only" in done.stderr


def test_the_report_is_written_with_the_reported_numbers(folder: Path, environment: dict[str, str]) -> None:
    page = folder / "run" / "report.html"
    page.unlink()
    scanvq(environment, "report", folder / "run")
    text = page.read_text(encoding="utf-8")
    assert "course report 003" in text
    assert "generates complete images only" in text
    assert "discriminator loss" in text
