"""Preparation of one file: read, check, resize and pack into 8 or 16 bits."""

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
    """The selected slices of one file.

    Attributes:
        raw: (n, H, W) uint8 or uint16; native units are raw * slope + intercept.
        slices: indices of the n slices in the file.
        total: number of all slices of the file.
        slope: native units per level.
        intercept: native value of level 0.
        low: lowest native value of the file.
        high: highest native value of the file.
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
    """Prepares one file for a store of uint8 or uint16, see `Packing`.

    Raises:
        UnreadableScan: a file that is damaged, empty, constant, not finite, or without selected slices.
    """
    scan = format_of(path).read(path, plane=plane)
    if reason := check(scan):
        raise UnreadableScan(path, reason)
    volume = scan.slices
    if dtype == np.uint8 and volume.dtype != np.uint8:
        raise UnreadableScan(path, f"its header has 8-bit pixels, but they are {volume.dtype}")
    chosen = choose_slices(volume, slices)
    if len(chosen) == 0:
        raise UnreadableScan(path, f"has {len(volume)} slices, of which slices={slices} selects none")
    if geometry.spacing is not None and scan.spacing is None:
        raise UnreadableScan(path, NO_SPACING.format(spacing=geometry.spacing))
    low, high = float(volume.min()), float(volume.max())
    packing = Packing.of(volume, low, high)
    raw = np.empty((len(chosen), geometry.height, geometry.width), dtype)
    for row, index in zip(raw, chosen, strict=True):
        row[...] = packing.levels(geometry.apply(volume[index], scan.spacing))
    return PreparedFile(
        raw=raw,
        slices=chosen,
        total=len(volume),
        slope=packing.slope,
        intercept=packing.intercept,
        low=low,
        high=high,
    )
