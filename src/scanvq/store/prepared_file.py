"""One file of scans, read, checked, brought to size and packed into 8 or 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Plane, UnreadableScan, check, format_of
from scanvq.imaging.geometry import NO_SPACING, Geometry
from scanvq.imaging.packing import Packing
from scanvq.imaging.slice_selection import choose_slices


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedFile:
    """The used slices of one file.

    Attributes:
        raw: (n, H, W) uint8 or uint16; native units are raw * slope + intercept.
        slices: the numbers of the n slices in the file.
        total: how many slices the file has, used or not.
        slope: native units a raw level.
        intercept: native value of raw level 0.
        low: lowest native value of the whole file.
        high: highest native value of the whole file.
    """

    raw: NDArray[Any]
    slices: NDArray[np.int64]
    total: int
    slope: float
    intercept: float
    low: float
    high: float


def prepare_file(
    path: Path, *, geometry: Geometry, plane: Plane, slices: str, dtype: np.dtype[Any]
) -> PreparedFile:
    """Prepares one file for a store of uint8 or uint16, its values packed as `Packing` says.

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
    packing = Packing.of(volume, low, high)
    raw = np.empty((len(chosen), geometry.height, geometry.width), dtype)
    for place, number in zip(raw, chosen, strict=True):
        place[...] = packing.levels(geometry.apply(volume[number], scan.spacing))
    return PreparedFile(
        raw=raw,
        slices=chosen,
        total=len(volume),
        slope=packing.slope,
        intercept=packing.intercept,
        low=low,
        high=high,
    )
