"""Intensity scaling: a scan's own units to [0, 1], and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Kind = Literal["file", "percentiles", "full"]


@dataclass(frozen=True, kw_only=True)
class Intensity:
    """Maps a range of intensities to [0, 1]; values outside it are clipped.

    Args:
        kind: where the range comes from: "file" = each file's own minimum and maximum;
            "percentiles" = `low` and `high`, taken from the training set without its outliers;
            "full" = `low` and `high`, the whole range of the pixel type or of the training set.
        low: what becomes 0, in the scans' units. Unused for "file".
        high: what becomes 1, in the scans' units. Unused for "file".
    """

    kind: Kind
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ("file", "percentiles", "full"):
            raise ValueError(f"kind is {self.kind!r}; it must be file, percentiles or full")
        if not self.low < self.high:
            raise ValueError(f"low is {self.low} and high is {self.high}; low must be below high")

    def bounds(self, file_low: ArrayLike, file_high: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """What becomes 0 and what becomes 1, for every file (float64, of the arguments' shape)."""
        if self.kind == "file":
            low = np.asarray(file_low, np.float64)
            high = np.asarray(file_high, np.float64)
            return low, np.where(high > low, high, low + 1.0)  # a constant file becomes 0, not 0 / 0
        shape = np.shape(file_low)
        return np.full(shape, self.low, np.float64), np.full(shape, self.high, np.float64)

    def unit(self, pixels: NDArray[Any], file_low: ArrayLike, file_high: ArrayLike) -> NDArray[np.float32]:
        """Pixels to float32 in [0, 1]. `file_low` and `file_high` broadcast against the pixels."""
        low, high = self.bounds(file_low, file_high)
        scaled = (pixels.astype(np.float64) - low) / (high - low)
        return np.clip(scaled, 0.0, 1.0).astype(np.float32)

    def native(
        self, unit: NDArray[Any], dtype: DTypeLike, file_low: ArrayLike, file_high: ArrayLike
    ) -> NDArray[Any]:
        """[0, 1] back to pixels of `dtype`: clipped, and rounded for integers.

        Exact after `unit` for integers in a range of up to 2^23 (float32 holds no more), except for
        what `unit` clipped.
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
