"""What the pixels of a few files say of a data set: intensities, where the foreground lies, what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.formats import Plane, UnreadableScan, check, format_of
from scanvq.imaging.slice_selection import choose_slices

SAMPLE = 64  # files whose pixels are looked at
VALUES = 50_000  # of one file, for the percentiles
PERCENTILES = (0.1, 1, 50, 99, 99.9)
BRIGHT = 0.1  # of the way from the dark end to the bright end: foreground
MOST = 95  # percent of the files that a side of the box is true of
SPECKS = 0.01  # share of bright pixels that a row or column of the foreground has at least


@dataclass(frozen=True, kw_only=True)
class PixelSummary:
    """Of a sample of files.

    Attributes:
        intensities: minimum, percentiles, maximum, and the share that is foreground; {} if none is of use.
        box: where the foreground of the slices to use lies, each side true of 95 % of the files: first row,
            end of rows, first column and end of columns, as shares of height and width; {} if none is of use.
        used: of each file that could be looked at, by its place in `entries`, how many slices are to use.
        problems: a sentence for each file of no use, or seen twice.
    """

    intensities: dict[str, float]
    box: dict[str, float]
    used: dict[int, int]
    problems: list[str]


def summarize_pixels(
    catalog: Catalog, entries: Sequence[Entry], *, plane: Plane, slices: str
) -> PixelSummary:
    """Decodes at most `SAMPLE` files from all over `entries`.

    Args:
        catalog: that they are of.
        entries: the files.
        plane: how volumes are cut.
        slices: which slices of a volume are to use, see `choose_slices`.
    """
    pixels, boxes, problems = [], [], []
    used: dict[int, int] = {}
    seen: dict[str, Entry] = {}
    for place in np.linspace(0, len(entries) - 1, min(SAMPLE, len(entries))).astype(int):
        entry = entries[place]
        path = catalog.root / entry.path
        try:
            scan = format_of(path).read(path, plane=plane)
        except UnreadableScan as error:
            problems.append(str(error))
            continue
        if reason := check(scan):
            problems.append(f"{entry.path}: {reason}")
            continue
        digest = hashlib.sha256(np.ascontiguousarray(scan.slices).tobytes()).hexdigest()
        if digest in seen:
            problems.append(f"{entry.path} has the same pixels as {seen[digest].path}")
        seen.setdefault(digest, entry)
        pixels.append(scan.slices.ravel()[:: max(1, scan.slices.size // VALUES)].astype(np.float64))
        chosen = choose_slices(scan.slices, slices)
        used[int(place)] = len(chosen)
        if len(chosen):
            boxes.append(_box(scan.slices[chosen], pixels[-1]))
    return PixelSummary(
        intensities=_intensities(np.concatenate(pixels)) if pixels else {},
        box=_around(np.array(boxes)) if boxes else {},
        used=used,
        problems=problems,
    )


def _intensities(values: NDArray[np.float64]) -> dict[str, float]:
    found = {
        f"p{q:g}": float(v) for q, v in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)
    }
    return {
        "minimum": float(values.min()),
        **found,
        "maximum": float(values.max()),
        "foreground": float((values > _threshold(values)).mean()),
    }


def _threshold(values: NDArray[np.float64]) -> float:
    low, high = np.percentile(values, (PERCENTILES[0], PERCENTILES[-1]))
    return float(low + BRIGHT * (high - low))


def _box(slices: np.ndarray, values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """First row, end of rows, first column, end of columns of the foreground of (S, H, W), as shares."""
    bright = slices > _threshold(values)
    found: list[float] = []
    for across in (2, 1):
        shares = bright.mean(axis=(0, across))
        filled, count = np.flatnonzero(shares >= SPECKS), len(shares)
        found += [filled[0] / count, (filled[-1] + 1) / count] if len(filled) else [0.0, 1.0]
    return found[0], found[1], found[2], found[3]


def _around(boxes: NDArray[np.float64]) -> dict[str, float]:
    """The box whose every side holds nearly all of them."""
    low, high = np.percentile(boxes, (100 - MOST, MOST), axis=0, method="nearest")
    return {
        "top": float(low[0]),
        "bottom": float(high[1]),
        "left": float(low[2]),
        "right": float(high[3]),
    }
