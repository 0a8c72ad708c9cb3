"""Scans are prepared and brought back."""

from __future__ import annotations

import numpy as np

from scanvq.imaging.formats import Scan
from scanvq.imaging.preparation import Preparation
from scanvq.model.scans import prepare_scan, restore_scan


def some_scan(slices: int = 3) -> Scan:
    pixels = np.random.default_rng(0).integers(-500, 1500, (slices, 14, 20), dtype=np.int16)
    return Scan(slices=pixels, properties={"spacing": 2})


def test_preparing_and_restoring_is_exact(preparation: Preparation) -> None:
    scan = some_scan()
    images = prepare_scan(scan, preparation)
    assert images.shape == (3, 1, 16, 24)
    assert images.min() >= 0
    assert images.max() <= 1
    again = restore_scan(images, scan, preparation)
    assert np.array_equal(again.slices, scan.slices)
    assert again.properties == scan.properties
