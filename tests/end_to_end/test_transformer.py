"""`transformer` on folders with classes, shrunken: from files to samples, completions and scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq import load

SHRUNKEN = (
    "--epochs=2",
    "--log=none",
    "--device=cpu",
    "--set=preparation.size=[48, 64]",
    "--set=preparation.fit=resize",
    "--set=tokenizer.channels=[16, 16, 16]",
    "--set=tokenizer.quantizer.codebook_size=32",
    "--set=prior.layers=2",
    "--set=prior.channels=16",
    "--set=prior.heads=2",
    "--set=prior.order=spiral_out",
    "--set=training.tokenizer.batch_size=8",
    "--set=training.prior.batch_size=8",
    "--set=training.tokenizer.precision=fp32",
    "--set=training.prior.precision=fp32",
    "--set=sampling.guidance=1.5",
)


@pytest.fixture(scope="module")
def run(scanvq: Callable[..., object], cohorts: dict[str, Path], tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("transformer") / "run"
    scanvq("fit", cohorts["adni"], "--recipe=transformer", f"--out={run}", *SHRUNKEN)
    return run


def test_the_guidance_of_the_recipe_applies_to_samples_of_a_class(run: Path) -> None:
    trained = load(run, device="cpu")
    assert trained.model.code_shapes == ((6, 8),)
    assert trained.model.sampling_params().guidance == 1
    assert trained.model.sampling_params(label="AD").guidance == 1.5
    assert trained.model.sampling_params(label="AD", guidance=3).guidance == 3
    assert trained.sample(2).shape == trained.sample(2, label="AD").shape == (2, 48, 51)
    plain, further = (
        trained.model.sample_codes(
            2, label="AD", params=trained.model.sampling_params(label="AD", guidance=guidance), seed=0
        )[0]
        for guidance in (1, 300)
    )
    assert (further != plain).any()
    with pytest.raises(ValueError, match="no condition is requested"):
        trained.sample(1, guidance=2)


def test_samples_of_a_class(run: Path, scanvq: Callable[..., object], tmp_path: Path) -> None:
    scanvq("sample", run, f"--out={tmp_path}", "-n", 3, "--label=AD", "--guidance=2")
    with np.load(tmp_path / "codes.npz") as saved:
        codes = next(saved[name] for name in saved.files if saved[name].shape == (3, 6, 8))
    assert codes.min() >= 0
    assert codes.max() < 32


def test_a_completed_scan_keeps_its_known_half(
    run: Path, cohorts: dict[str, Path], scanvq: Callable[..., object], tmp_path: Path
) -> None:
    scan = next(cohorts["adni"].rglob("test/AD/*.jpeg"))
    words = ("--keep=top-half", "-n", 2, "--label=AD", "--guidance=2")
    scanvq("inpaint", run, scan, *words, f"--out={tmp_path}")
    with Image.open(scan) as opened:
        original = np.asarray(opened)
    completed = [np.asarray(Image.open(path)) for path in sorted(tmp_path.glob("*.png"))]
    whole = [pixels for pixels in completed if pixels.shape == original.shape]
    half = original.shape[0] // 2
    assert len(whole) >= 2
    assert all(np.array_equal(pixels[:half], original[:half]) for pixels in whole[:2])


def test_it_is_scored(run: Path, scanvq: Callable[..., object]) -> None:
    before = json.loads((run / "metrics.json").read_text())["prior"]["test"]
    (run / "metrics.json").unlink()
    scanvq("evaluate", run)
    after = json.loads((run / "metrics.json").read_text())["prior"]["test"]
    assert 0 < after["bits_per_code"] < 6
    assert after["bits_per_code"] == pytest.approx(before["bits_per_code"], rel=1e-4)
