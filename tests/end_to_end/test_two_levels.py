"""VQ-VAE-2 with a prior for each level, as a user runs it on HipMRI's layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

SHRUNKEN = (
    "--recipe=hipmri-vqvae2",
    "--set=preparation.size=[64, 32]",
    "--set=preparation.fit=resize",
    "--set=tokenizer.channels=[8, 16]",
    "--set=tokenizer.residual_channels=8",
    "--set=tokenizer.quantizers.0.codebook_size=32",
    "--set=tokenizer.quantizers.1.codebook_size=64",
    "--set=prior.levels.0.channels=16",
    "--set=prior.levels.1.channels=16",
    "--log=none",
    "--epochs=2",
)
Command = Callable[..., object]


@pytest.fixture(scope="module")
def run(scanvq: Command, cohorts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two_levels") / "run"
    scanvq("fit", cohorts["hipmri"], *SHRUNKEN, "--out", folder)
    return folder


def test_both_levels_are_trained_scored_and_reported(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert [book["size"] for book in metrics["tokenizer"]["codebook"]] == [32, 64]
    assert metrics["tokenizer"]["bits_per_pixel"] == pytest.approx((8 * 4 * 5 + 16 * 8 * 6) / (64 * 32))
    assert metrics["prior"]["test"]["bits_per_code"] > 0
    assert (run / "report.html").stat().st_size > 0


def test_codes_of_both_levels_go_to_a_file_and_back(
    run: Path, scanvq: Command, cohorts: dict[str, Path], tmp_path: Path
) -> None:
    scan = sorted((cohorts["hipmri"] / "keras_slices_test").iterdir())[0]
    scanvq("encode", run, scan, "--out", tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz") as codes:
        assert codes["level_0"].shape == (1, 8, 4)
        assert codes["level_1"].shape == (1, 16, 8)
    scanvq("decode", run, tmp_path / "codes.npz", "--out", tmp_path / "decoded")
    assert len(list((tmp_path / "decoded").iterdir())) >= 1


def test_it_samples_and_completes(
    run: Path, scanvq: Command, cohorts: dict[str, Path], tmp_path: Path
) -> None:
    scanvq("sample", run, "--count", 2, "--out", tmp_path / "samples")
    assert list((tmp_path / "samples").iterdir())
    scan = sorted((cohorts["hipmri"] / "keras_slices_test").iterdir())[0]
    scanvq("inpaint", run, scan, "--keep", "top-half", "--out", tmp_path / "completed")
    original = nib.load(scan).get_fdata()
    completed = [nib.load(file).get_fdata() for file in (tmp_path / "completed").rglob("*.nii*")]
    assert completed
    assert all(one.shape == original.shape for one in completed)
    assert not any(np.array_equal(one, original) for one in completed)
