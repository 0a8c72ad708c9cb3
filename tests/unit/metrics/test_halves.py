"""Brightness and sharpness of the halves of an image."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.metrics.halves import half_statistics


def square(left: float, right: float, *, column: int = 8) -> np.ndarray:
    """A square of 16x16 pixels in two gray values, off the middle of 32x40."""
    image = np.zeros((32, 40), np.float32)
    image[8:24, column : column + 8] = left
    image[8:24, column + 8 : column + 16] = right
    return image


def test_the_middle_is_that_of_the_foreground() -> None:
    images = np.stack([square(0.4, 0.8), square(0.6, 0.6, column=20)])
    found = half_statistics(images)
    assert found.shape == (2, 4)
    np.testing.assert_allclose(found[:, :2], [[0.4, 0.8], [0.6, 0.6]], atol=1e-6)
    assert found[1, 2] == pytest.approx(found[1, 3])


def test_sharpness_has_no_scale_of_gray_values() -> None:
    image = np.random.default_rng(0).uniform(0.2, 0.8, (32, 32)).astype(np.float32)
    one, half = half_statistics(np.stack([image, image / 2]))
    np.testing.assert_allclose(one[2:], half[2:], rtol=1e-4)
    blurred = (image + np.roll(image, 1, axis=0) + np.roll(image, 1, axis=1)) / 3
    assert (half_statistics(blurred[None])[0, 2:] < one[2:]).all()


def test_an_empty_image_is_zero() -> None:
    np.testing.assert_array_equal(half_statistics(np.zeros((2, 16, 16), np.float32)), 0)
