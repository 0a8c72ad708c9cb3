"""VQ-VAE-2 with a prior for each level, as a user runs it on the HipMRI layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

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
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "hipmri-vqvae2" in page
    for level in (0, 1):
        assert f'id="codebook-{level}-figure' in page
        assert (run / "figures" / f"prior-bits-per-code-{level}.svg").is_file()


def test_codes_of_both_levels_are_encoded_and_decoded(
    run: Path, scanvq: Command, cohorts: dict[str, Path], tmp_path: Path
) -> None:
    scan = sorted((cohorts["hipmri"] / "keras_slices_test").iterdir())[0]
    scanvq("encode", run, scan, "--out", tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz") as codes:
        assert codes["level_0"].shape == (1, 8, 4)
        assert codes["level_1"].shape == (1, 16, 8)
    scanvq("decode", run, tmp_path / "codes.npz", "--out", tmp_path / "decoded")
    (decoded,) = (tmp_path / "decoded").glob("[!.]*")
    assert decoded.name == scan.name
    assert nib.load(decoded).shape[:2] == nib.load(scan).shape[:2]


def test_it_samples_and_completes(
    run: Path, scanvq: Command, cohorts: dict[str, Path], tmp_path: Path
) -> None:
    scanvq("sample", run, "--count", 2, "--out", tmp_path / "samples")
    with np.load(tmp_path / "samples" / "codes.npz") as codes:
        for name, shape, size in (("level_0", (2, 8, 4), 32), ("level_1", (2, 16, 8), 64)):
            assert codes[name].shape == shape
            assert 0 <= codes[name].min() <= codes[name].max() < size
    for number in (0, 1):
        with Image.open(tmp_path / "samples" / f"sample_00{number}.png") as picture:
            assert picture.size == (32, 64)
    scan = sorted((cohorts["hipmri"] / "keras_slices_test").iterdir())[0]
    scanvq("inpaint", run, scan, "--keep", "top-half", "--out", tmp_path / "completed")
    original = nib.load(scan).get_fdata()
    completed = [nib.load(file).get_fdata() for file in (tmp_path / "completed").rglob("*.nii*")]
    assert len(completed) == 4
    assert all(one.shape == original.shape for one in completed)
    assert not any(np.array_equal(one, original) for one in completed)
