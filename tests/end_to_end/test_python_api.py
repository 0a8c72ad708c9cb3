"""A trained run from Python: arrays of NumPy or torch, of any size and type, in and out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import scanvq
from scanvq.api import Run

SHAPES = [(50, 44), (3, 50, 44), (2, 1, 20, 70)]


@pytest.fixture(scope="module")
def run(trained: Path) -> Run:
    return scanvq.load(trained, device="cpu")


def pictures(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    unit = np.random.default_rng(0).random(shape)
    if dtype.startswith("float"):
        return unit.astype(dtype)
    return (unit * np.iinfo(dtype).max * 0.9).astype(dtype)


def array(values: np.ndarray, kind: str) -> Any:
    return torch.from_numpy(values) if kind == "torch" else values


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_reconstructions_have_the_type_and_shape_of_the_input(
    shape: tuple[int, ...], dtype: str, kind: str, run: Run
) -> None:
    images = array(pictures(shape, dtype), kind)
    rebuilt = run.reconstruct(images)
    assert type(rebuilt) is type(images)
    assert rebuilt.dtype == images.dtype
    assert rebuilt.shape == images.shape
    if dtype.startswith("float"):
        assert rebuilt.min() >= 0
        assert rebuilt.max() <= 1


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("shape", SHAPES)
def test_codes_and_images_of_codes(shape: tuple[int, ...], kind: str, run: Run) -> None:
    images = array(pictures(shape, "uint8"), kind)
    count = 1 if len(shape) == 2 else shape[0]
    (codes,) = run.encode(images)
    assert type(codes) is type(images)
    assert codes.shape == (count, 8, 8)
    assert run.model.code_shapes == ((8, 8),)
    decoded = run.decode((codes,))
    assert type(decoded) is type(images)
    assert decoded.shape == (count, 32, 32)
    assert 0 <= decoded.min() <= decoded.max() <= 1


def test_numpy_and_torch_and_every_shape_give_the_same(run: Run) -> None:
    images = pictures((3, 50, 44), "uint8")
    expected = run.encode(images)[0]
    for same in (torch.from_numpy(images), images[:, None], torch.from_numpy(images)[:, None]):
        np.testing.assert_array_equal(np.asarray(run.encode(same)[0]), expected)
    np.testing.assert_array_equal(run.reconstruct(images[:, None])[:, 0], run.reconstruct(images))


def test_samples_depend_on_the_seed_and_their_number_only(run: Run) -> None:
    images = run.sample(3, seed=5)
    assert images.shape == (3, 30, 32)  # 240x256 slices, resized to 32x32
    assert images.dtype == np.float32
    np.testing.assert_allclose(run.sample(2, seed=5), images[:2], atol=1e-5)
    assert (run.sample(3, seed=6) != images).any()
    assert run.sample(1, label="AD", temperature=0.5, top_k=4, top_p=0.5).shape == (1, 30, 32)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_completions_keep_known_pixels_bit_for_bit(dtype: str, kind: str, run: Run) -> None:
    pixels = pictures((50, 44), dtype)
    unknown = np.zeros((50, 44), bool)
    unknown[20:40, 10:] = True
    completions = run.inpaint(array(pixels, kind), array(unknown, kind), count=2, label="NC")
    assert isinstance(completions, torch.Tensor) == (kind == "torch")
    found = np.asarray(completions)
    assert found.shape == (2, 50, 44)
    assert found.dtype == pixels.dtype
    for completion in found:
        np.testing.assert_array_equal(completion[~unknown], pixels[~unknown])
        assert (completion[unknown] != pixels[unknown]).any()


def test_unknown_pixels_have_no_effect(run: Run) -> None:
    pixels, unknown = pictures((50, 44), "uint16"), np.zeros((50, 44), bool)
    unknown[:25] = True
    other = np.where(unknown, 65535 - pixels, pixels).astype(np.uint16)
    np.testing.assert_array_equal(
        run.inpaint(pixels, unknown, seed=1)[0][unknown], run.inpaint(other, unknown, seed=1)[0][unknown]
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: run.encode(np.zeros(7, np.uint8)), r"shape \(7,\); give \(H, W\)"),
        (lambda run: run.encode(np.zeros((2, 3, 8, 8), np.uint8)), r"shape \(2, 3, 8, 8\)"),
        (lambda run: run.sample(1, label="MCI"), "use one of AD, NC"),
        (lambda run: run.sample(1, temperature=-1.0), "temperature"),
        (lambda run: run.decode((np.full((1, 8, 8), 64),)), "codebook has 0 to 63"),
        (lambda run: run.inpaint(np.eye(9), np.ones((8, 9), bool)), "must have the same size"),
        (lambda run: run.inpaint(np.eye(9), np.zeros((9, 9), bool)), "nothing as unknown"),
        (lambda run: run.inpaint(np.eye(9), np.ones((9, 9), bool)), "everything as unknown"),
    ],
)
def test_wrong_arguments_raise(call: Callable[[Run], object], message: str, run: Run) -> None:
    with pytest.raises(ValueError, match=message):
        call(run)


def test_a_missing_run_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no ScanVQ run"):
        scanvq.load(tmp_path)
