"""Native units to [0, 1] and back."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike, NDArray

from scanvq.imaging.intensity import Intensity, unit_images


def unit(intensity: Intensity, pixels: NDArray[Any], low: ArrayLike, high: ArrayLike) -> NDArray[np.float32]:
    """Native values (B, H, W) or (H, W) of files with these ranges to [0, 1]."""
    levels = torch.from_numpy(pixels.astype(np.float32)).reshape(-1, *pixels.shape[-2:])
    zeros = np.zeros(len(levels))
    scale, shift = intensity.scaling(zeros + 1, zeros, zeros + low, zeros + high)
    return unit_images(levels, torch.from_numpy(scale), torch.from_numpy(shift)).numpy().reshape(pixels.shape)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
@pytest.mark.parametrize("kind", ["file", "full"])
def test_every_value_of_a_type_comes_back_exactly(dtype: str, kind: str) -> None:
    limits = np.iinfo(dtype)
    pixels = np.arange(limits.min, limits.max + 1, dtype=np.int64).astype(dtype)[None]
    intensity = Intensity(kind=kind, low=limits.min, high=limits.max)
    images = unit(intensity, pixels, limits.min, limits.max)
    assert images.dtype == np.float32
    assert images.min() == 0
    assert images.max() == 1
    np.testing.assert_array_equal(intensity.native(images, dtype, limits.min, limits.max), pixels)


def test_floats_come_back_to_float_precision() -> None:
    pixels = np.random.default_rng(0).normal(100, 50, (20, 20)).astype(np.float32)
    low, high = float(pixels.min()), float(pixels.max())
    intensity = Intensity(kind="file")
    back = intensity.native(unit(intensity, pixels, low, high), np.float32, low, high)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, pixels, atol=(high - low) * 1e-6)


def test_values_outside_the_range_are_clipped_both_ways() -> None:
    intensity = Intensity(kind="percentiles", low=10, high=20)
    images = unit(intensity, np.array([[0.0, 10.0, 15.0, 99.0]]), 0, 99)
    np.testing.assert_allclose(images, [[0, 0, 0.5, 1]], atol=1e-7)
    native = intensity.native(np.array([[-1.0, 0.5, 0.54, 2.0]]), np.int16, 0, 99)
    np.testing.assert_array_equal(native, [[10, 15, 15, 20]])


def test_values_beyond_the_type_are_clipped_not_wrapped() -> None:
    intensity = Intensity(kind="full", low=-1000, high=1000)
    np.testing.assert_array_equal(intensity.native(np.array([[0.0, 1.0]]), np.uint8, 0, 0), [[0, 255]])


def test_a_constant_file_becomes_zero() -> None:
    np.testing.assert_array_equal(unit(Intensity(kind="file"), np.full((2, 2), 7), 7, 7), np.zeros((2, 2)))


def test_each_file_has_its_own_range() -> None:
    pixels = np.stack([np.array([[0, 10]]), np.array([[100, 300]])])
    images = unit(Intensity(kind="file"), pixels, np.array([0, 100]), np.array([10, 300]))
    np.testing.assert_array_equal(images, [[[0, 1]], [[0, 1]]])


def test_to_dict_and_from_dict_are_inverse() -> None:
    intensity = Intensity(kind="percentiles", low=-3.5, high=7)
    assert Intensity.from_dict(intensity.to_dict()) == intensity


@pytest.mark.parametrize(
    "wrong", [{"kind": "zscore"}, {"kind": "full", "low": 1, "high": 1}, {"kind": "unit", "high": 2}]
)
def test_wrong_settings_are_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        Intensity(**wrong)
