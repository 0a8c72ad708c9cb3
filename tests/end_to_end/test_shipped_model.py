"""A model that comes with ScanVQ: its name stands wherever a run does, without training or network."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import scanvq as package
from scanvq.cli.main import app
from scanvq.model import source
from scanvq.model.model import Model

pytestmark = pytest.mark.slow
NAME = "tiny-blobs"
Call = Callable[..., str]


@pytest.fixture(scope="module", autouse=True)
def _shipped(scans: Path, small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A model in the folder of shipped models, as it is when the wheel has one."""
    folder = tmp_path_factory.mktemp("pretrained")
    run = package.fit(
        scans,
        out=tmp_path_factory.mktemp("run") / "run",
        recipe="tiny",
        overrides=small,
        epochs=1,
        device="cpu",
    )
    assert run is not None
    run.model.save(folder / f"{NAME}.safetensors")
    (folder / f"{NAME}.md").write_text("# Blobs\n\nLicense: CC0\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "shipped_folder", lambda: folder)
        yield


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command in a folder of its own; returns its output."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_it_is_listed_and_shown_with_its_card(call: Call) -> None:
    listed = call("models", "list")
    assert listed.startswith(f"{NAME}  vqvae, gated_pixelcnn, axial slices of 32x32")
    assert call("models") == listed
    shown = call("models", "show", NAME)
    assert "conditions  label (narrow, wide)" in shown
    assert shown.endswith("\n# Blobs\n\nLicense: CC0\n")


def test_an_unknown_name_is_refused_with_those_there_are(call: Call) -> None:
    with pytest.raises(source.ModelError, match=rf"no-such .*shipped models: {NAME}"):
        call("models", "show", "no-such")


def test_samples_of_each_class_have_a_table(call: Call, tmp_path: Path) -> None:
    assert "wrote 4 synthetic images" in call("sample", NAME, "--per-label", 2, "--out", "created")
    with (tmp_path / "created" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["narrow", "narrow", "wide", "wide"]
    assert all((tmp_path / "created" / row["path"]).is_file() for row in rows)
    call("sample", NAME, "--label", "narrow", "-n", 2, "--out", "narrow")
    first, second = (np.asarray(Image.open(tmp_path / x / "sample_001.png")) for x in ("created", "narrow"))
    assert np.array_equal(first, second)  # depends on seed, number and label alone
    with pytest.raises(ValueError, match="leave the label wide out"):
        call("sample", NAME, "--per-label", 2, "--label", "wide", "--out", "x")
    with pytest.raises(ValueError, match="give one of them"):
        call("sample", NAME, "--per-label", 2, "-n", 2, "--out", "x")


def test_scans_are_reconstructed_scored_and_encoded(call: Call, scans: Path, tmp_path: Path) -> None:
    scan = scans / "s00_0.png"
    call("reconstruct", NAME, scan, "--out", "rebuilt")
    assert (tmp_path / "rebuilt" / "panels" / "s00_0.png").is_file()
    assert "bits" in call("score", NAME, scan, "--calibrate", "none")
    call("encode", NAME, scan, "--out", "codes.npz")
    call("decode", NAME, "codes.npz", "--out", "decoded")


def test_a_volume_is_completed_with_a_mask_of_each_slice(call: Call, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (40, 36, 3)).astype(np.int16)
    mask = np.zeros(pixels.shape, np.uint8)
    mask[10:20, 10:20, 0] = mask[5:30, 5:20, 2] = 1
    for name, values in (("volume", pixels), ("mask", mask)):
        nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / f"{name}.nii.gz")
    said = call("inpaint", NAME, "volume.nii.gz", "--mask", "mask.nii.gz", "-n", 2, "--out", "full")
    assert "the 3 slices are completed one by one" in said
    completed = np.asarray(nib.load(tmp_path / "full" / "volume_1.nii.gz").dataobj)
    assert np.array_equal(completed[mask == 0], pixels[mask == 0])
    assert (completed[mask == 1] != pixels[mask == 1]).mean() > 0.5
    with Image.open(tmp_path / "full" / "panels" / "volume.png") as panel:
        assert panel.width > 4 * 128
    nib.save(nib.Nifti1Image(mask[..., :2], np.eye(4)), tmp_path / "two.nii.gz")
    with pytest.raises(ValueError, match="has 2 slices, the scan 3"):
        call("inpaint", NAME, "volume.nii.gz", "--mask", "two.nii.gz", "--out", "x")


def test_training_starts_from_it(call: Call, scans: Path, tmp_path: Path) -> None:
    options = ("--epochs", 1, "--log", "none", "--no-sample-scores", "--device", "cpu")
    call("fit", scans, "--from", NAME, "--out", "run", *options)
    settings = json.loads((tmp_path / "run" / "run.json").read_text())
    assert settings["initial_model"] == NAME
    run = package.load(tmp_path / "run", device="cpu")
    assert run.model.recipe.sections["tokenizer"] == Model.load(NAME).recipe.sections["tokenizer"]
    films = sorted(path.name for path in (tmp_path / "run" / "figures").glob("*.gif"))
    assert films == ["prior-progress.gif", "tokenizer-progress.gif"]
    notebook(run)
    said = call("quiz", "run", "-n", 6, "--out", "own.html")
    assert "3 real and 3 created" in said
    with pytest.raises(ValueError, match="the run has 8 test images; 100 are needed"):
        call("quiz", "run", "-n", 200, "--out", "x.html")


def notebook(run: package.Run) -> None:
    """What a notebook shows of a run."""
    assert repr(run).endswith("run': vqvae, gated_pixelcnn)")
    table = run._repr_html_()
    assert "SSIM of 8 test images" in table
    assert "<script" not in table
    assert run.metrics["tokenizer"]["test"]["n"] == 8
    assert set(run.history["stage"]) == {"tokenizer", "prior"}
    assert {"step", "split", "loss"} <= set(run.history.columns)
    samples = run.samples(3, seed=1)
    assert samples._repr_png_().startswith(b"\x89PNG")
    assert b"SYNTHETIC" in samples.png
    assert np.array_equal(np.asarray(samples), run.sample(3, seed=1))
    assert repr(samples) == "Samples(3 synthetic images of 32x32, seed 1)"


def test_a_quiz_needs_real_scans(call: Call, scans: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give real ones with --real FOLDER"):
        call("quiz", NAME)
    call("quiz", NAME, "--real", scans, "-n", 10, "--out", "blind.html")
    html = (tmp_path / "blind.html").read_text(encoding="utf-8")
    assert len(re.findall("data:image/png", html)) == 1
    with pytest.raises(ValueError, match="is there already"):
        call("quiz", NAME, "--real", scans, "-n", 10, "--out", "blind.html")
    call("quiz", NAME, "--real", scans, "-n", 10, "--out", "blind.html", "--overwrite")
    with pytest.raises(ValueError, match="48 scans, not 100"):
        call("quiz", NAME, "--real", scans, "-n", 200, "--out", "x.html")
