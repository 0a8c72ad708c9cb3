"""Models from runs and files: output types equal input types, and codes are equal from every source."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import scanvq
from scanvq.imaging.formats import Scan
from scanvq.model.model import Model
from scanvq.model.source import ModelError
from scanvq.storage.weights import WeightsError
from scanvq.training.stages.codes import read_codes

PRECISIONS = ("fp32", "bf16")


@pytest.fixture(scope="module", params=PRECISIONS)
def run(request: pytest.FixtureRequest, scans: Path, tmp_path_factory: pytest.TempPathFactory) -> scanvq.Run:
    """A small run whose images are encoded in the precision of the parameter."""
    out = tmp_path_factory.mktemp("model") / request.param
    small = ["preparation.size=[32, 32]", "tokenizer.channels=[8, 8]", "prior.channels=8"]
    precision = f"training.tokenizer.precision={request.param}"
    trained = scanvq.fit(scans, out=out, recipe="tiny", overrides=[*small, precision], epochs=1, device="cpu")
    assert trained is not None
    assert trained.model.precision.autocast == request.param
    return trained


@pytest.fixture
def scan() -> Scan:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 30, 28), dtype=np.uint8)
    return Scan(slices=pixels, spacing=(1.0, 2.0), properties={"kept": 1})


def test_codes_are_equal_from_file_array_and_store(run: scanvq.Run, scans: Path) -> None:
    entries = [entry for entry in run.directory.read(run.directory.data)["entries"] if entry[3] == "test"]
    (stored,) = read_codes(run.directory.codes, "test")
    assert len(stored) == len(entries)
    for codes, entry in zip(stored, entries, strict=True):
        (from_file,) = run.model.encode(run.model.read(scans / entry[0]))
        (from_array,) = run.model.encode(np.asarray(Image.open(scans / entry[0])))
        assert np.array_equal(from_file[0], codes)
        assert np.array_equal(from_array[0], codes)


def test_a_model_file_holds_the_complete_model(run: scanvq.Run, tmp_path: Path, scan: Scan) -> None:
    file = tmp_path / "model.safetensors"
    run.model.save(file)
    loaded = Model.load(file, device="cpu")
    assert loaded.header == run.model.header
    assert loaded.recipe.sections == run.model.recipe.sections
    assert loaded.provenance(seed=1) == run.model.provenance(seed=1)
    assert np.array_equal(loaded.sample(2, seed=3), run.model.sample(2, seed=3))
    assert np.array_equal(loaded.encode(scan)[0], run.model.encode(scan)[0])
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == file.read_bytes()


def test_scans_are_returned_as_scans(run: scanvq.Run, scan: Scan) -> None:
    rebuilt = run.model.reconstruct(scan)
    assert (rebuilt.slices.shape, rebuilt.slices.dtype) == (scan.slices.shape, scan.slices.dtype)
    assert (rebuilt.spacing, rebuilt.properties) == (scan.spacing, scan.properties)
    mask = np.zeros((30, 28), bool)
    mask[:12] = True
    completions = run.model.inpaint(scan, mask, count=2, seed=5)
    assert len(completions) == 2
    for one in completions:
        assert one.properties == scan.properties
        assert np.array_equal(one.slices[:, ~mask], scan.slices[:, ~mask])


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_arrays_are_returned_as_arrays(run: scanvq.Run, scan: Scan, kind: str) -> None:
    images = scan.slices if kind == "numpy" else torch.from_numpy(scan.slices)
    rebuilt = run.model.reconstruct(images)
    assert type(rebuilt) is type(images)
    assert np.array_equal(np.asarray(rebuilt), run.model.reconstruct(scan).slices)
    (codes,) = run.model.encode(images)
    assert type(codes) is type(images)
    assert run.model.decode((codes,)).shape == (3, 32, 32)


def test_scores_are_the_negative_log2_likelihood_of_the_codes(run: scanvq.Run, scan: Scan) -> None:
    length = run.model.score(scan)
    codes = tuple(torch.from_numpy(np.asarray(level)) for level in run.model.encode(scan))
    torch.testing.assert_close(length.bits, run.model.prior.bits(codes).detach())
    assert length.cells == 64
    torch.testing.assert_close(length.bits_per_pixel, length.bits / 32**2)


def test_a_model_needs_neither_accelerate_nor_a_run_nor_data(run: scanvq.Run, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    run.model.save(file)
    code = (
        "import sys; from scanvq.model.model import Model; "
        f"print(Model.load({str(file)!r}, device='cpu').sample(1).shape); "
        "print(sorted({'accelerate', 'scanvq.training.loop', 'scanvq.store.store'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["(1, 32, 32)", "[]"]


def test_a_path_that_is_not_a_model_is_refused(run: scanvq.Run, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere is not a ScanVQ run or model file"):
        Model.load("nowhere")
    with pytest.raises(WeightsError, match="holds a tokenizer, not a model"):
        Model.load(run.directory.tokenizer.best)
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        run.model.save(tmp_path / "model.bin")
