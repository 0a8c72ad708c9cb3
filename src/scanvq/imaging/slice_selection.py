"""Slice selection: the slices of a volume that are used."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Useful slices of brain and pelvis scans have far more foreground; slices with less show the tip of the
# anatomy, or noise and ghosting in air.
FOREGROUND_SHARE = 0.01
# Fraction of the volume's bright percentile, which varies less between scans than the maximum.
FOREGROUND_LEVEL = 0.1
BRIGHT_PERCENTILE = 99.5


def check_slices(slices: str) -> None:
    """Raises ValueError for a value of `slices` that `choose_slices` does not support."""
    if slices in ("foreground", "all"):
        return
    if match := re.fullmatch(r"(\d+):(\d+)", slices):
        if int(match[1]) < int(match[2]):
            return
    elif (match := re.fullmatch(r"middle:(\d+)", slices)) and int(match[1]) > 0:
        return
    raise ValueError(
        f"slices is {slices!r}; it must be foreground, all, FIRST:END (20:80 takes slices 20 to 79, counted "
        "from 0) or middle:COUNT (middle:32 takes the 32 in the middle)"
    )


def choose_slices(volume: NDArray[Any], slices: str) -> NDArray[np.int64]:
    """The indices of the selected slices of a volume (S, H, W); a single image is always selected.

    "foreground" excludes slices in which less than 1 % of the pixels exceed the foreground threshold: a tenth
    of the way from the volume's minimum to its 99.5th percentile.
    """
    indices = _slice_range(len(volume), slices)
    if indices is None:
        return np.flatnonzero(_foreground(volume) >= FOREGROUND_SHARE)
    return np.array(indices, np.int64)


def count_slices(total: int, slices: str) -> int | None:
    """The number of slices that `choose_slices` selects of `total`; None if it depends on the pixels."""
    indices = _slice_range(total, slices)
    return None if indices is None else len(indices)


def _slice_range(total: int, slices: str) -> range | None:
    """The selected slices of `total`; None if they depend on the pixels."""
    if total == 1 or slices == "all":
        return range(total)
    if slices == "foreground":
        return None
    first, _, end = slices.partition(":")
    if first == "middle":
        count = min(int(end), total)
        begin = (total - count) // 2
        return range(begin, begin + count)
    return range(int(first), min(int(end), total))


def _foreground(volume: NDArray[Any]) -> NDArray[np.float64]:
    """The fraction of foreground pixels in every slice."""
    sample = volume.reshape(-1)[:: volume.size // 1_000_000 | 1]  # an odd stride visits every column
    low = float(volume.min())
    level = low + FOREGROUND_LEVEL * (float(np.percentile(sample, BRIGHT_PERCENTILE)) - low)
    return np.array([np.count_nonzero(pixels > level) / pixels.size for pixels in volume])
