"""`maskgit` from files to samples, an inpainted hole, scores and a report, as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

SHRUNKEN = (
    "--recipe=maskgit",
    "--set=preparation.size=[64, 32]",
    "--set=preparation.fit=resize",
    "--set=tokenizer.channels=[8, 8, 16]",
    "--set=tokenizer.residual_channels=8",
    "--set=tokenizer.quantizer.codebook_size=32",
    "--set=prior.channels=32",
    "--set=prior.layers=2",
    "--set=prior.steps=4",
    "--set=training.tokenizer.batch_size=8",
    "--set=training.prior.batch_size=8",
    "--set=training.tokenizer.precision=fp32",
    "--set=training.prior.precision=fp32",
    "--set=training.prior.warmup_steps=2",
    "--log=none",
    "--epochs=2",
)
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(scanvq: Command, cohorts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maskgit") / "run"
    scanvq("fit", cohorts["hipmri"], *SHRUNKEN, "--out", folder)
    return folder


@pytest.fixture
def scan(cohorts: dict[str, Path]) -> Path:
    return sorted((cohorts["hipmri"] / "keras_slices_test").iterdir())[0]


def test_the_best_weights_have_the_fewest_bits(run: Path) -> None:
    state = json.loads((run / "prior" / "history.json").read_text())
    validated = [r["bits_per_masked_code"] for r in state["history"] if r["split"] == "validation"]
    assert validated
    assert state["best"] == pytest.approx(-min(validated))


def test_the_report_has_curves_and_completions_but_no_likelihood(run: Path, scanvq: Command) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["prior"]["test"] is None
    assert metrics["tokenizer"]["test"]["n"] > 0
    (run / "report.html").unlink()
    scanvq("evaluate", run)
    scanvq("report", run)
    text = (run / "report.html").read_text(encoding="utf-8")
    assert "bits per masked code" in text
    assert "generates complete images only" not in text


def test_samples_do_not_depend_on_their_number(run: Path, scanvq: Command, tmp_path: Path) -> None:
    drawn = []
    for count in (2, 3):
        out = tmp_path / str(count)
        scanvq("sample", run, "--count", count, "--out", out)
        with np.load(out / "codes.npz") as saved:
            drawn.append(saved["level_0"])
    assert drawn[0].shape == (2, 8, 4)
    assert np.array_equal(drawn[0], drawn[1][:2])


def test_a_hole_in_the_middle_is_inpainted(run: Path, scan: Path, scanvq: Command, tmp_path: Path) -> None:
    original = nib.load(scan).get_fdata()
    height, width = original.shape[:2]
    hole = np.zeros((height, width), np.bool_)
    hole[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = True
    mask, out = tmp_path / "hole.png", tmp_path / "completed"
    Image.fromarray(hole.astype(np.uint8) * 255).save(mask)
    done = scanvq("inpaint", run, scan, "--mask", mask, "--out", out)
    assert "raster order" not in done.stderr
    completed = [nib.load(file).get_fdata() for file in out.rglob("*.nii*")]
    assert completed
    for one in completed:
        assert one.shape == original.shape
        assert np.array_equal(one[~hole], original[~hole])
        assert not np.array_equal(one[hole], original[hole])
