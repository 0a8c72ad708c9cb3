"""Which slices of a volume are used."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Brain and pelvis scans have far more than this in every slice worth learning; less is the tip of the
# anatomy, or noise and ghosts in the air around it.
FOREGROUND_SHARE = 0.01
# Of the volume's bright end, which is steadier between scans than its maximum.
FOREGROUND_LEVEL = 0.1
BRIGHT_PERCENTILE = 99.5


def check_slices(slices: str) -> None:
    """Raises ValueError for an option that `choose_slices` does not know."""
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
    """The numbers of the slices of a volume (S, H, W) to use; a single picture is always used.

    "foreground" leaves out slices in which less than 1 % of the pixels exceed a tenth of the way from the
    volume's minimum to its 99.5th percentile.
    """
    numbers = _numbers(len(volume), slices)
    if numbers is None:
        return np.flatnonzero(_foreground(volume) >= FOREGROUND_SHARE)
    return np.array(numbers, np.int64)


def count_slices(total: int, slices: str) -> int | None:
    """How many of a volume's `total` slices `choose_slices` takes; None where its pixels decide."""
    numbers = _numbers(total, slices)
    return None if numbers is None else len(numbers)


def _numbers(total: int, slices: str) -> range | None:
    """Those of `total` slices to use; None where the pixels decide."""
    if total == 1 or slices == "all":
        return range(total)
    if slices == "foreground":
        return None
    first, _, end = slices.partition(":")
    if first == "middle":
        wanted = min(int(end), total)
        start = (total - wanted) // 2
        return range(start, start + wanted)
    return range(int(first), min(int(end), total))


def _foreground(volume: NDArray[Any]) -> NDArray[np.float64]:
    """The share of foreground pixels in every slice."""
    sample = volume.reshape(-1)[:: volume.size // 1_000_000 | 1]  # odd, so that it visits every column
    low = float(volume.min())
    level = low + FOREGROUND_LEVEL * (float(np.percentile(sample, BRIGHT_PERCENTILE)) - low)
    return np.array([np.count_nonzero(one > level) / one.size for one in volume])
