"""Packing of intensities into integer levels of at most 16 bits, the storage format of the prepared store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 65535


@dataclass(frozen=True, kw_only=True)
class Packing:
    """Linear map between the levels and native units of one file: native = level * slope + intercept.

    Args:
        slope: native units per level.
        intercept: native value of level 0.
    """

    slope: float
    intercept: float

    @classmethod
    def of(cls, volume: NDArray[Any], low: float, high: float) -> Packing:
        """The packing of all pixels of a file.

        Integers that span at most 65,536 values are exact; other values are rounded to 65,536 levels between
        the lowest and the highest value.

        Args:
            volume: the pixels, any shape.
            low: their lowest value.
            high: their highest value.
        """
        if volume.dtype in (np.uint8, np.uint16):
            return cls(slope=1.0, intercept=0.0)
        # Many tools store integers as floats.
        integers = volume.dtype.kind in "iu" or bool(np.array_equal(volume, np.rint(volume)))
        if low == high or (integers and high - low <= LEVELS):
            return cls(slope=1.0, intercept=low)
        return cls(slope=(high - low) / LEVELS, intercept=low)

    def levels(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Pixels in native units to levels of the same shape, uint8 or uint16."""
        if (self.slope, self.intercept) == (1.0, 0.0) and pixels.dtype in (np.uint8, np.uint16):
            return pixels
        levels = np.rint((pixels.astype(np.float64) - self.intercept) / self.slope)
        return levels.astype(np.uint16)
