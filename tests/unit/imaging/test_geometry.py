"""Pad, crop and resize, their inverse, and the choice of the network's size."""

import numpy as np
import pytest

from scanvq.imaging.geometry import Geometry, decide_geometry


def _pixels(shape: tuple[int, int], dtype: str = "uint8", low: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(low, 200, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32"])
@pytest.mark.parametrize("shape", [(157, 189), (1, 1), (160, 192), (159, 2)])
def test_padding_comes_back_bit_for_bit(shape: tuple[int, int], dtype: str) -> None:
    geometry = Geometry(height=160, width=192)
    pixels = _pixels(shape, dtype)
    padded = geometry.apply(pixels)
    assert padded.shape == (160, 192)
    assert padded.dtype == pixels.dtype
    np.testing.assert_array_equal(geometry.undo(padded, shape, 0), pixels)


def test_padding_is_centered_and_holds_the_minimum() -> None:
    padded = Geometry(height=4, width=5).apply(np.full((2, 2), 9, np.uint8) - np.eye(2, dtype=np.uint8))
    np.testing.assert_array_equal(
        padded, [[8, 8, 8, 8, 8], [8, 8, 9, 8, 8], [8, 9, 8, 8, 8], [8, 8, 8, 8, 8]]
    )


def test_a_crop_comes_back_with_filled_borders() -> None:
    geometry = Geometry(height=256, width=128)
    pixels = _pixels((256, 144))
    cropped = geometry.apply(pixels)
    np.testing.assert_array_equal(cropped, pixels[:, 8:136])
    back = geometry.undo(cropped, (256, 144), 7)
    np.testing.assert_array_equal(back[:, 8:136], pixels[:, 8:136])
    assert (back[:, :8] == 7).all()
    assert (back[:, 136:] == 7).all()


def test_one_axis_may_pad_while_the_other_crops() -> None:
    geometry = Geometry(height=8, width=4)
    pixels = _pixels((5, 7))
    back = geometry.undo(geometry.apply(pixels), (5, 7), 0)
    np.testing.assert_array_equal(back[:, 1:5], pixels[:, 1:5])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_resizing_keeps_proportions_range_and_nearly_the_picture(dtype: str) -> None:
    row, column = np.mgrid[0:100, 0:60]
    pixels = (100 + 80 * np.sin(row / 15) * np.cos(column / 12)).astype(dtype)
    geometry = Geometry(height=128, width=128, fit="resize")
    resized = geometry.apply(pixels)
    assert resized.shape == (128, 128)
    assert resized.dtype == pixels.dtype
    assert resized.min() >= pixels.min()
    assert resized.max() <= pixels.max()
    assert (resized[:, :25] == pixels.min()).all()  # 60 of 100 wide stays 77 of 128
    back = geometry.undo(resized, pixels.shape, 0)
    assert np.abs(back.astype(float) - pixels).mean() < 1


def test_resizing_at_the_same_size_changes_nothing() -> None:
    pixels = _pixels((64, 32))
    geometry = Geometry(height=64, width=64, fit="resize")
    np.testing.assert_array_equal(geometry.undo(geometry.apply(pixels), (64, 32), 0), pixels)


def test_to_dict_and_from_dict_are_inverse() -> None:
    geometry = Geometry(height=8, width=9, fit="resize")
    assert Geometry.from_dict(geometry.to_dict()) == geometry


@pytest.mark.parametrize("wrong", [{"height": 0, "width": 1}, {"height": 1, "width": 1, "fit": "stretch"}])
def test_wrong_settings_are_named(wrong: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        Geometry(**wrong)


def test_native_is_the_most_common_size_rounded_up() -> None:
    sizes = {(256, 128): 190, (256, 144): 1}
    assert decide_geometry(sizes, multiple=8) == Geometry(height=256, width=128)
    assert decide_geometry({(157, 189): 5}, multiple=8) == Geometry(height=160, width=192)


def test_without_a_common_size_the_median_and_resize() -> None:
    sizes = {(100, 200): 4, (120, 210): 3, (140, 190): 4}
    assert decide_geometry(sizes, multiple=4) == Geometry(height=120, width=200, fit="resize")


def test_half_the_slices_are_enough_for_padding() -> None:
    sizes = {(100, 100): 2, (90, 90): 1, (80, 80): 1}
    assert decide_geometry(sizes, multiple=4).fit == "pad"


def test_a_given_size_is_taken_or_refused_with_a_suggestion() -> None:
    sizes = {(100, 100): 1}
    geometry = decide_geometry(sizes, size=(64, 32), fit="resize", multiple=8)
    assert geometry == Geometry(height=64, width=32, fit="resize")
    with pytest.raises(ValueError, match="64x40"):
        decide_geometry(sizes, size=(64, 33), multiple=8)


def test_no_slices_give_no_size() -> None:
    with pytest.raises(ValueError, match="size"):
        decide_geometry({}, multiple=8)


def test_spacing_brings_pixels_to_one_size_and_back() -> None:
    geometry = Geometry(height=40, width=40, spacing=2.0)
    rows, columns = np.mgrid[:60, :30]
    pixels = (rows * 3 + columns * 5).astype(np.float32)
    image = geometry.apply(pixels, (1.0, 2.5))  # 60 mm by 75 mm: 30 by 38 pixels
    inside = image[5:35, 1:39]
    np.testing.assert_allclose(np.diff(inside[5:-5, 5:-5], axis=0), 6, atol=0.1)
    np.testing.assert_allclose(np.diff(inside[5:-5, 5:-5], axis=1), 4, atol=0.3)
    back = geometry.undo(image, pixels.shape, 0, (1.0, 2.5))
    assert back.shape == pixels.shape
    np.testing.assert_allclose(back[6:-6, 6:-6], pixels[6:-6, 6:-6], atol=1.5)


def test_pixels_with_the_target_spacing_are_unchanged() -> None:
    geometry, pixels = Geometry(height=16, width=16, spacing=0.7), _pixels((15, 14))
    image = geometry.apply(pixels, (0.7, 0.7))
    np.testing.assert_array_equal(image, Geometry(height=16, width=16).apply(pixels))
    np.testing.assert_array_equal(geometry.undo(image, (15, 14), 0, (0.7, 0.7)), pixels)


def test_resampling_needs_a_pixel_spacing() -> None:
    with pytest.raises(ValueError, match="has no pixel spacing"):
        Geometry(height=16, width=16, spacing=1.0).apply(_pixels((16, 16)))


def test_spacing_is_in_the_dict() -> None:
    with_one, without = Geometry(height=8, width=8, spacing=1.5), Geometry(height=8, width=8)
    assert without.to_dict() == {"height": 8, "width": 8, "fit": "pad", "spacing": None}
    assert Geometry.from_dict(with_one.to_dict()) == with_one
    assert Geometry.from_dict(without.to_dict()) == without
