"""Slice selection: counts without pixels agree with the selection from pixels."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.imaging.slice_selection import choose_slices, count_slices


@pytest.mark.parametrize(
    "slices", ["all", "0:1", "3:7", "5:6", "20:80", "middle:1", "middle:4", "middle:5", "middle:99"]
)
def test_the_count_equals_the_selection(slices: str) -> None:
    for total in range(1, 13):
        volume = np.random.default_rng(total).integers(0, 99, (total, 4, 5))
        assert count_slices(total, slices) == len(choose_slices(volume, slices))


def test_foreground_needs_pixels_except_for_a_single_image() -> None:
    assert count_slices(1, "foreground") == len(choose_slices(np.zeros((1, 4, 5)), "foreground")) == 1
    assert count_slices(2, "foreground") is None
