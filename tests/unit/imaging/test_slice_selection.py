"""Slices are counted without pixels just as they are chosen with them."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.imaging.slice_selection import choose_slices, count_slices


@pytest.mark.parametrize(
    "slices", ["all", "0:1", "3:7", "5:6", "20:80", "middle:1", "middle:4", "middle:5", "middle:99"]
)
def test_as_many_are_counted_as_are_chosen(slices: str) -> None:
    for total in range(1, 13):
        volume = np.random.default_rng(total).integers(0, 99, (total, 4, 5))
        assert count_slices(total, slices) == len(choose_slices(volume, slices))


def test_foreground_needs_pixels_but_of_a_single_picture() -> None:
    assert count_slices(1, "foreground") == len(choose_slices(np.zeros((1, 4, 5)), "foreground")) == 1
    assert count_slices(2, "foreground") is None
