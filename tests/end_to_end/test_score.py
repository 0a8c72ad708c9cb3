"""Scores of scans: planted lesions are found, files are written once, p-values come from held-out people."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scanvq
from scanvq.inference import calibrated
from scanvq.inference.calibrated import calibration_for
from scanvq.inference.lesion_scores import LesionPixels
from scanvq.inference.mask_files import match_masks
from scanvq.inference.scan_files import scan_files
from scanvq.inference.score import score_files
from scanvq.model.model import Model
from tests.conftest import blob
from tests.end_to_end.conftest import Command, Refused

pytestmark = pytest.mark.slow
SCANS = 12


@pytest.fixture(scope="module")
def trained(scans: Path, small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on blobs, with about ten people held out for validation; tests copy it."""
    out = tmp_path_factory.mktemp("scoring") / "run"
    overrides = (*small, "data.validation=0.5")
    scanvq.fit(scans, out=out, recipe="tiny", overrides=overrides, epochs=8, device="cpu")
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blobs of other people with a dark disk in the bright middle; every third has none, and no mask."""
    folder = tmp_path_factory.mktemp("planted")
    random = np.random.default_rng(3)
    (folder / "scans").mkdir()
    (folder / "masks").mkdir()
    rows, columns = np.mgrid[:40, :40]
    for number in range(SCANS):
        pixels = blob(40, width=0.6, random=random)
        if number % 3:
            disk = np.hypot(rows - random.integers(15, 25), columns - random.integers(15, 25)) < 4
            pixels[disk] = 40
            Image.fromarray(disk.astype(np.uint8) * 255).save(
                folder / "masks" / f"new{number:02d}_lesion.png"
            )
        Image.fromarray(pixels).save(folder / "scans" / f"new{number:02d}.png")
    return folder


def test_planted_lesions_are_found(run: Path, planted: Path) -> None:
    model = Model.load(run, device="cpu")
    calibration = calibration_for(model, run, restorations=4, sign="darker")
    scans = scan_files([planted / "scans"])
    masks = match_masks(scans, planted / "masks")
    lesions = LesionPixels()
    for number, file in enumerate(score_files(model, scans, calibration=calibration, masks=masks)):
        assert file.mask is not None
        assert file.maps["anomaly"].shape == file.mask.shape == (1, 40, 40)
        lesions.add(file.pixels, file.maps, file.mask, chooses=number % 2 == 0)
    quality = lesions.quality()
    assert quality["anomaly"].auroc > 0.8
    assert quality["anomaly"].dice > quality["residual"].dice


def test_the_command_writes_scores_panels_and_maps_once(scanvq: Command, run: Path, planted: Path) -> None:
    out = run.parent / "scores"
    arguments = ("score", run, planted / "scans", "--masks", planted / "masks", "--restorations", 1)
    told = scanvq(*arguments, "--out", out)
    assert "masks: 8 for 12 scans" in told.stdout
    assert "AUROC" in told.stdout
    stored = json.loads((run / "calibration.json").read_text(encoding="utf-8"))
    people = stored["people"]
    assert f"held-out people (validation); with so many people it cannot be below {1 / (people + 1):.3g}" in (
        told.stdout
    )
    with (out / "scores.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert [row["file"] for row in rows] == [f"new{number:02d}.png" for number in range(SCANS)]
    assert all(1 / (people + 1) - 1e-9 <= float(row["p_map"]) <= 1 for row in rows)
    assert [int(row["lesion_pixels"]) > 0 for row in rows] == [bool(number % 3) for number in range(SCANS)]
    assert (out / "panels" / "new00.png").is_file()
    with np.load(out / "maps" / "new00.npz") as maps:
        assert maps["anomaly"].shape == (1, 40, 40)
        assert set(maps.files) == {"slices", "bits", "residual", "restored", "anomaly"}
    before = (out / "scores.csv").read_bytes()
    refused = scanvq(*arguments, "--out", out, code=2)
    assert "--overwrite" in refused.stderr
    scanvq(*arguments, "--out", out, "--overwrite")
    assert (out / "scores.csv").read_bytes() == before


def test_a_calibration_is_computed_once_and_travels_with_the_model(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model.load(run, device="cpu")
    assert model.calibration is None
    made = calibration_for(model, run, restorations=1)
    assert made.people == len({entry[2] for entry in entries(run) if entry[3] == "validation"})
    file = tmp_path / "model.safetensors"
    Model.load(run, device="cpu").save(file)

    def compute(*arguments: object, **named: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(calibrated, "calibrate", compute)
    for path in (run, file):
        assert calibration_for(Model.load(path, device="cpu"), path) == made
    with pytest.raises(ValueError, match="another calibration"):
        calibration_for(Model.load(file, device="cpu"), file, split="test")
    with pytest.raises(AssertionError, match="computed again"):
        calibration_for(model, run, restorations=2)


def test_a_calibration_of_other_weights_is_not_used(run: Path) -> None:
    calibration_for(Model.load(run, device="cpu"), run, restorations=0)
    stored = json.loads((run / "calibration.json").read_text(encoding="utf-8"))
    (run / "calibration.json").write_text(json.dumps({**stored, "prior": "0" * 16}), encoding="utf-8")
    assert Model.load(run, device="cpu").calibration is None
    (run / "calibration.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"calibration\.json is damaged"):
        _ = Model.load(run, device="cpu").calibration


def test_what_cannot_be_scored_is_refused(refused: Refused, run: Path, planted: Path) -> None:
    scan = planted / "scans" / "new00.png"
    without_prior = Path(shutil.copytree(run, run.parent / "without-prior"))
    shutil.rmtree(without_prior / "prior")
    moved = Path(shutil.copytree(run, run.parent / "moved"))
    data = json.loads((moved / "data.json").read_text(encoding="utf-8"))
    (moved / "data.json").write_text(json.dumps({**data, "folder": "/nowhere"}), encoding="utf-8")
    file = run.parent / "model.safetensors"
    Model.load(run, device="cpu").save(file)
    messages = refused(
        [
            ["score", without_prior, scan],
            ["score", moved, scan],
            ["score", file, scan],
            ["score", run, scan, "--masks", planted / "scans" / "new00.png"],
            ["score", run, run / "logs"],
        ]
    )
    expected = ["--residual-only", "--calibrate none", "no calibration", "no such folder", "run"]
    for message, words in zip(messages, expected, strict=True):
        assert words in message


def test_residuals_need_no_prior(scanvq: Command, run: Path, planted: Path) -> None:
    shutil.rmtree(run / "prior")
    told = scanvq("score", run, planted / "scans" / "new00.png", "--residual-only")
    assert "residual" in told.stdout
    assert "bits" not in told.stdout
    assert json.loads((run / "calibration.json").read_text(encoding="utf-8"))["prior"] is None


def entries(run: Path) -> list[list[str]]:
    stored: list[list[str]] = json.loads((run / "data.json").read_text(encoding="utf-8"))["entries"]
    return stored
