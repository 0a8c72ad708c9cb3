"""Levels: the values of a file as whole numbers of at most 16 bits, as the prepared store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 65535


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How the values of one file become levels; native units are level * slope + intercept.

    Args:
        slope: native units a level.
        intercept: native value of level 0.
    """

    slope: float
    intercept: float

    @classmethod
    def of(cls, volume: NDArray[Any], low: float, high: float) -> Packing:
        """For all pixels of a file.

        Whole numbers that span at most 65,536 values are kept exactly; all else is rounded to 65,536 levels
        between the lowest and the highest value.

        Args:
            volume: of any shape.
            low: the lowest value of it.
            high: the highest.
        """
        if volume.dtype in (np.uint8, np.uint16):
            return cls(slope=1.0, intercept=0.0)
        # Many tools store whole numbers as floats.
        whole = volume.dtype.kind in "iu" or bool(np.array_equal(volume, np.rint(volume)))
        if low == high or (whole and high - low <= LEVELS):
            return cls(slope=1.0, intercept=low)
        return cls(slope=(high - low) / LEVELS, intercept=low)

    def levels(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Pixels in native units to levels of the same shape, uint8 or uint16."""
        if (self.slope, self.intercept) == (1.0, 0.0) and pixels.dtype in (np.uint8, np.uint16):
            return pixels
        levels = np.rint((pixels.astype(np.float64) - self.intercept) / self.slope)
        return levels.astype(np.uint16)
