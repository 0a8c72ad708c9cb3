"""Preparation: slices to images and back."""

import json

import numpy as np
import pytest
import torch

from scanvq.imaging.formats import Header
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.packing import Packing
from scanvq.imaging.preparation import NativeFormat, Preparation, Slice


def _slice(dtype: str, shape: tuple[int, int] = (30, 41)) -> Slice:
    limits = {"uint8": (0, 256), "uint16": (0, 65536), "int16": (-1024, 3000), "int32": (-5, 2**16 - 5)}
    low, high = limits.get(dtype, (-3, 900))
    pixels = np.random.default_rng(1).integers(low, high, shape).astype(dtype)
    if dtype == "float32":
        pixels = pixels / np.float32(7)
    low, high = float(pixels.min()), float(pixels.max())
    return Slice(pixels=pixels, file_low=low, file_high=high, packing=Packing.of(pixels, low, high))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32"])
def test_integers_come_back_bit_for_bit(dtype: str) -> None:
    preparation = Preparation(geometry=Geometry(height=32, width=48), intensity=Intensity(kind="file"))
    slice = _slice(dtype)
    image = preparation.apply(slice)
    assert image.shape == (1, 32, 48)
    assert image.dtype == torch.float32
    assert 0 <= image.min() <= image.max() <= 1
    back = preparation.undo(image, slice)
    assert back.pixels.dtype == slice.pixels.dtype
    np.testing.assert_array_equal(back.pixels, slice.pixels)
    assert (back.file_low, back.file_high) == (slice.file_low, slice.file_high)


def test_floats_come_back_as_the_nearest_of_65536_levels() -> None:
    preparation = Preparation(geometry=Geometry(height=32, width=48), intensity=Intensity(kind="file"))
    slice = _slice("float32")
    back = preparation.undo(preparation.apply(slice), slice)
    assert back.pixels.dtype == np.float32
    step = (slice.file_high - slice.file_low) / 65535
    assert 0 < np.abs(back.pixels - slice.pixels).max() < 0.51 * step


def test_intensities_in_0_to_1_are_taken_as_they_are() -> None:
    pixels = np.random.default_rng(0).random((4, 4), np.float32)
    slice = Slice(pixels=pixels, file_low=0.0, file_high=1.0, packing=Packing.of(pixels, 0.0, 1.0))
    preparation = Preparation(geometry=Geometry(height=4, width=4), intensity=Intensity(kind="unit"))
    image = preparation.apply(slice)
    np.testing.assert_array_equal(image[0].numpy(), pixels)
    np.testing.assert_array_equal(preparation.undo(image, slice).pixels, pixels)


def test_resampled_slices_come_back_in_size_and_type() -> None:
    geometry = Geometry(height=32, width=32, fit="resize")
    preparation = Preparation(geometry=geometry, intensity=Intensity(kind="full", high=255))
    row, column = np.mgrid[0:60, 0:40]
    pixels = (120 + 2 * row - column).astype(np.uint8)
    slice = Slice(pixels=pixels, file_low=0, file_high=255)
    back = preparation.undo(preparation.apply(slice), slice)
    assert back.pixels.dtype == np.uint8
    assert np.abs(back.pixels.astype(int) - pixels)[4:-4, 4:-4].max() <= 2


def test_cropped_borders_hold_the_slice_minimum() -> None:
    preparation = Preparation(geometry=Geometry(height=30, width=20), intensity=Intensity(kind="file"))
    slice = _slice("int16")
    back = preparation.undo(preparation.apply(slice), slice).pixels
    np.testing.assert_array_equal(back[:, 10:30], slice.pixels[:, 10:30])
    assert (back[:, :10] == slice.pixels.min()).all()


def test_what_a_network_gives_is_taken() -> None:
    """Half precision, gradients, values a little outside [0, 1], arrays."""
    preparation = Preparation(
        geometry=Geometry(height=2, width=2), intensity=Intensity(kind="full", high=255)
    )
    slice = Slice(pixels=np.zeros((2, 2), np.uint8), file_low=0, file_high=255)
    image = torch.tensor([[[-0.1, 0.0], [1.0, 1.2]]], dtype=torch.bfloat16, requires_grad=True)
    np.testing.assert_array_equal(preparation.undo(image, slice).pixels, [[0, 0], [255, 255]])
    array = image.detach().float().numpy()[0]
    np.testing.assert_array_equal(preparation.undo(array, slice).pixels, [[0, 0], [255, 255]])


def test_it_is_remembered_as_json() -> None:
    preparation = Preparation(
        geometry=Geometry(height=32, width=48, fit="resize"),
        intensity=Intensity(kind="percentiles", low=0.1, high=812.25),
    )
    assert Preparation.from_dict(json.loads(json.dumps(preparation.to_dict()))) == preparation


def header(height: int, width: int, slices: int = 1, spacing: tuple[float, float] | None = None) -> Header:
    return Header(slices=slices, height=height, width=width, dtype=np.dtype(np.uint8), spacing=spacing)


def test_created_images_have_the_size_of_most_slices() -> None:
    native = NativeFormat.of([header(30, 21, 9, (1.0, 2.0)), header(30, 21, 2, (1.5, 2.0)), header(8, 8, 3)])
    assert native == NativeFormat(height=30, width=21, spacing=(1.0, 2.0))
    geometry = Geometry(height=32, width=24)
    preparation = Preparation(geometry=geometry, intensity=Intensity(kind="unit"), native=native)
    original = np.random.default_rng(0).random((30, 21)).astype(np.float32)
    padded = geometry.apply(original)[None]
    assert np.array_equal(preparation.to_native(padded), original[None])
    assert Preparation.from_dict(json.loads(json.dumps(preparation.to_dict()))) == preparation


def test_created_images_have_the_size_of_the_network_where_sizes_differ() -> None:
    assert NativeFormat.of([header(30, 21), header(31, 21), header(32, 22)]) is None
    preparation = Preparation(
        geometry=Geometry(height=4, width=4, spacing=2.0), intensity=Intensity(kind="unit")
    )
    images = np.zeros((1, 4, 4), np.float32)
    assert preparation.to_native(images) is images
    assert preparation.native_spacing == (2.0, 2.0)
