"""One file of scans, read, checked, brought to size and packed into 8 or 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Plane, UnreadableScan, check, format_of
from scanvq.imaging.geometry import NO_SPACING, Geometry
from scanvq.imaging.slice_selection import choose_slices

LEVELS = 65535


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedFile:
    """The used slices of one file.

    Attributes:
        raw: (n, H, W) uint8 or uint16; native units are raw * slope + intercept.
        slices: the numbers of the n slices in the file.
        slope: native units a raw level.
        intercept: native value of raw level 0.
        low: lowest native value of the whole file.
        high: highest native value of the whole file.
    """

    raw: NDArray[Any]
    slices: NDArray[np.int64]
    slope: float
    intercept: float
    low: float
    high: float


def prepare_file(
    path: Path, *, geometry: Geometry, plane: Plane, slices: str, dtype: np.dtype[Any]
) -> PreparedFile:
    """Prepares one file for a store of uint8 or uint16.

    Whole numbers that span at most 65,536 values are kept exactly; all else is rounded to 65,536 levels
    between the file's lowest and highest value.

    Raises:
        UnreadableScan: with the reason: damaged, empty, constant, not finite, or without a slice to use.
    """
    try:
        scan = format_of(path).read(path, plane=plane)
    except UnreadableScan:
        raise
    except MemoryError:
        raise UnreadableScan(path, "too large for the memory of this machine") from None
    except Exception as error:  # one damaged file among thousands must not end the preparation
        raise UnreadableScan(path, f"{type(error).__name__}: {error}") from error
    if reason := check(scan):
        raise UnreadableScan(path, reason)
    volume = scan.slices
    if dtype == np.uint8 and volume.dtype != np.uint8:
        raise UnreadableScan(path, f"its header promises 8-bit pixels, but they are {volume.dtype}")
    chosen = choose_slices(volume, slices)
    if len(chosen) == 0:
        raise UnreadableScan(path, f"has {len(volume)} slices, of which slices={slices} leaves none")
    if geometry.spacing is not None and scan.spacing is None:
        raise UnreadableScan(path, NO_SPACING.format(spacing=geometry.spacing))
    low, high = float(volume.min()), float(volume.max())
    slope, intercept = _scale(volume, low, high)
    raw = np.empty((len(chosen), geometry.height, geometry.width), dtype)
    for place, number in zip(raw, chosen, strict=True):
        pixels = geometry.apply(volume[number], scan.spacing)
        if (slope, intercept) == (1.0, 0.0) and pixels.dtype.kind == "u":
            place[...] = pixels
        else:
            place[...] = np.rint((pixels.astype(np.float64) - intercept) / slope)
    return PreparedFile(raw=raw, slices=chosen, slope=slope, intercept=intercept, low=low, high=high)


def _scale(volume: NDArray[Any], low: float, high: float) -> tuple[float, float]:
    """Slope and intercept of the raw levels."""
    if volume.dtype in (np.uint8, np.uint16):
        return 1.0, 0.0
    # Many tools store whole numbers as floats.
    whole = volume.dtype.kind in "iu" or bool(np.array_equal(volume, np.rint(volume)))
    if whole and high - low <= LEVELS:
        return 1.0, low
    return (high - low) / LEVELS, low
