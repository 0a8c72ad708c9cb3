"""Intensity scaling: the levels of a scan to [0, 1], and [0, 1] back to its own units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["file", "percentiles", "full", "unit"]


@dataclass(frozen=True, kw_only=True)
class Intensity:
    """Maps a range of intensities to [0, 1]; values outside it are clipped.

    Args:
        kind: where the range comes from: "file" = each file's own minimum and maximum;
            "percentiles" = `low` and `high`, taken from the training set without its outliers;
            "full" = `low` and `high`, the whole range of the pixel type or of the training set;
            "unit" = 0 and 1: pixels that are intensities in [0, 1] already, and are taken as they are.
        low: what becomes 0, in the scans' units. Unused for "file"; 0 for "unit".
        high: what becomes 1, in the scans' units. Unused for "file"; 1 for "unit".
    """

    kind: Kind
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("file", "percentiles", "full", "unit"):
            raise ValueError(f"kind is {self.kind!r}; it must be file, percentiles, full or unit")
        if not self.low < self.high:
            raise ValueError(f"low is {self.low} and high is {self.high}; low must be below high")
        if self.kind == "unit" and (self.low, self.high) != (0.0, 1.0):
            raise ValueError(f"low is {self.low} and high is {self.high}; for unit they must be 0 and 1")

    def bounds(self, file_low: ArrayLike, file_high: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """What becomes 0 and what becomes 1, for every file (float64, of the arguments' shape)."""
        if self.kind == "file":
            low = np.asarray(file_low, np.float64)
            high = np.asarray(file_high, np.float64)
            return low, np.where(high > low, high, low + 1.0)  # a constant file becomes 0, not 0 / 0
        shape = np.shape(file_low)
        return np.full(shape, self.low, np.float64), np.full(shape, self.high, np.float64)

    def scaling(
        self, slope: ArrayLike, intercept: ArrayLike, file_low: ArrayLike, file_high: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scale and shift by which `unit_images` makes [0, 1] of levels; float32 of the arguments' shape.

        Args:
            slope: native units a level, see `Packing`.
            intercept: native value of level 0.
            file_low: the lowest native value of the file.
            file_high: the highest.
        """
        low, high = self.bounds(file_low, file_high)
        scale = np.asarray(slope, np.float64) / (high - low)
        shift = (np.asarray(intercept, np.float64) - low) / (high - low)
        return scale.astype(np.float32), shift.astype(np.float32)

    def native(
        self, unit: NDArray[Any], dtype: DTypeLike, file_low: ArrayLike, file_high: ArrayLike
    ) -> NDArray[Any]:
        """[0, 1] back to pixels of `dtype`: clipped, and rounded for integers.

        Exact after `unit_images` for whole numbers whose levels were not rounded (see `Packing`), except for
        what it clipped.
        """
        low, high = self.bounds(file_low, file_high)
        values = np.clip(np.asarray(unit, np.float64), 0.0, 1.0) * (high - low) + low
        dtype = np.dtype(dtype)
        if np.issubdtype(dtype, np.integer):
            limits = np.iinfo(dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        return values.astype(dtype)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Intensity:
        return cls(kind=stored["kind"], low=stored["low"], high=stored["high"])


def unit_images(levels: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Levels to intensities in [0, 1], in place: the one place where images for the network are made.

    Args:
        levels: (B, H, W) float32, on any device.
        scale: (B,) float32, of `Intensity.scaling`.
        shift: (B,) float32.
    """
    return levels.mul_(scale[:, None, None]).add_(shift[:, None, None]).clamp_(0.0, 1.0)
