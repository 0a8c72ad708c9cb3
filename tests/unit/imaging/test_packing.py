"""Levels of at most 16 bits: exact for integers in range, else the nearest of 65,536 levels."""

import numpy as np
import pytest

from scanvq.imaging.packing import LEVELS, Packing


def _of(values: np.ndarray) -> Packing:
    return Packing.of(values, float(values.min()), float(values.max()))


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, 3, 255]], np.uint8),
        np.array([[7, 65535]], np.uint16),
        np.array([[-32768, 5, 32767]], np.int16),
        np.array([[2**30, 2**30 + LEVELS]], np.int32),
        np.array([[-3.0, 900.0]], np.float32),
        np.array([[0.0, 900.0]], np.float32),
    ],
)
def test_integers_in_the_range_are_exact(values: np.ndarray) -> None:
    packing = _of(values)
    levels = packing.levels(values)
    assert levels.dtype in (np.uint8, np.uint16)
    np.testing.assert_array_equal(levels.astype(np.float64) * packing.slope + packing.intercept, values)


@pytest.mark.parametrize("values", [np.linspace(-1, 2, 999), np.array([[0, 17, LEVELS + 1]], np.int32)])
def test_other_values_become_the_nearest_level(values: np.ndarray) -> None:
    packing = _of(values)
    levels = packing.levels(values)
    assert (levels.min(), levels.max()) == (0, LEVELS)
    back = levels * packing.slope + packing.intercept
    assert np.abs(back - values).max() <= packing.slope / 2


def test_resampled_values_of_a_file_of_integers_are_rounded() -> None:
    packing = _of(np.array([0.0, 10.0], np.float32))
    np.testing.assert_array_equal(packing.levels(np.array([0.4, 1.6], np.float32)), [0, 2])


def test_a_constant_file_is_level_0() -> None:
    packing = _of(np.full(3, 0.5))
    np.testing.assert_array_equal(packing.levels(np.full(3, 0.5)), np.zeros(3))
