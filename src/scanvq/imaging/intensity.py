"""Intensity scaling: stored levels to [0, 1], and [0, 1] back to native units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["file", "percentiles", "full", "unit"]
COMPARABLE = 4.0
"""Files whose ranges differ by a larger factor are not in the same units."""


@dataclass(frozen=True, kw_only=True)
class Intensity:
    """Maps a range of intensities to [0, 1]; values outside it are clipped.

    Args:
        kind: where the range comes from: "file" = minimum and maximum of each file;
            "percentiles" = `low` and `high`, percentiles of the training set;
            "full" = `low` and `high`, the whole range of the pixel type or of the training set;
            "unit" = 0 and 1: pixels are in [0, 1] already and not scaled.
        low: intensity mapped to 0, in native units. Unused for "file"; 0 for "unit".
        high: intensity mapped to 1, in native units. Unused for "file"; 1 for "unit".
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
        """The intensities mapped to 0 and to 1, for every file (float64, shape of the arguments)."""
        if self.kind == "file":
            low = np.asarray(file_low, np.float64)
            high = np.asarray(file_high, np.float64)
            return low, np.where(high > low, high, low + 1.0)  # a constant file becomes 0, not 0 / 0
        shape = np.shape(file_low)
        return np.full(shape, self.low, np.float64), np.full(shape, self.high, np.float64)

    def scaling(
        self, slope: ArrayLike, intercept: ArrayLike, file_low: ArrayLike, file_high: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scale and shift from levels to [0, 1], for `unit_images`; float32, shape of the arguments.

        Args:
            slope: native units per level, see `Packing`.
            intercept: native value of level 0.
            file_low: lowest native value of the file.
            file_high: highest native value of the file.
        """
        low, high = self.bounds(file_low, file_high)
        scale = np.asarray(slope, np.float64) / (high - low)
        shift = (np.asarray(intercept, np.float64) - low) / (high - low)
        return scale.astype(np.float32), shift.astype(np.float32)

    def native(
        self, unit: NDArray[Any], dtype: DTypeLike, file_low: ArrayLike, file_high: ArrayLike
    ) -> NDArray[Any]:
        """[0, 1] back to pixels of `dtype`: clipped, and rounded for integers.

        Exact inverse of `unit_images` for integers whose levels were not rounded (see `Packing`), except for
        clipped values.
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
        """The inverse of `to_dict`. Raises ValueError for fields of another type."""
        return TypeAdapter(cls).validate_python(stored)


def unit_images(levels: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Levels to intensities in [0, 1], in place. All images of the network are made by this function.

    Args:
        levels: (B, H, W) float32, on any device.
        scale: (B,) float32, from `Intensity.scaling`.
        shift: (B,) float32, from `Intensity.scaling`.
    """
    return levels.mul_(scale[:, None, None]).add_(shift[:, None, None]).clamp_(0.0, 1.0)
