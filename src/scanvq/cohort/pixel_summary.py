"""Pixel statistics of a sample of files: intensities, foreground bounding box, unusable files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.cohort.odd_files import Look, odd_files
from scanvq.imaging.formats import FORMATS, Plane, UnreadableScan, check, format_of
from scanvq.imaging.formats.dicom_conditions import dicom_conditions
from scanvq.imaging.slice_selection import choose_slices

SAMPLE = 64  # files whose pixels are decoded
VALUES = 50_000  # pixels per file, for the percentiles
PERCENTILES = (0.1, 1, 50, 99, 99.9)
FOREGROUND_THRESHOLD = 0.1  # relative to the range of the outer percentiles
BOX_PERCENTILE = 95  # percent of the files whose foreground a side of the box encloses
MIN_FOREGROUND = 0.01  # fraction of foreground pixels in a row or column of the box


@dataclass(frozen=True, kw_only=True)
class PixelSummary:
    """Statistics of a sample of files.

    Attributes:
        intensities: minimum, percentiles, maximum, and foreground fraction; {} if no file is usable.
        box: bounding box of the foreground of the selected slices, each side valid for 95 % of the files:
            top, bottom, left and right as fractions of height and width; {} if no file is usable.
        used: index in `entries` -> number of selected slices, for every usable file of the sample.
        problems: a sentence for each unusable or duplicate file.
    """

    intensities: dict[str, float]
    box: dict[str, float]
    used: dict[int, int]
    problems: list[str]


def summarize_pixels(
    catalog: Catalog, entries: Sequence[Entry], *, plane: Plane, slices: str
) -> PixelSummary:
    """Decodes at most `SAMPLE` files, evenly spaced in `entries`.

    Args:
        catalog: catalog of the entries.
        entries: the files.
        plane: slicing plane of volumes.
        slices: slice selection, see `choose_slices`.
    """
    pixels, boxes, problems, looks = [], [], [], []
    sampled: list[Entry] = []
    used: dict[int, int] = {}
    scanners: dict[str, str] = {}
    seen: dict[str, Entry] = {}
    for index in np.linspace(0, len(entries) - 1, min(SAMPLE, len(entries))).astype(int):
        entry = entries[index]
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
        sampled.append(entry)
        pixels.append(scan.slices.ravel()[:: max(1, scan.slices.size // VALUES)].astype(np.float64))
        looks.append(Look.of(scan.slices, pixels[-1]))
        if format_of(path) is FORMATS["dicom"]:
            scanners[entry.path.as_posix()] = dicom_conditions(path).get("scanner", "an unnamed scanner")
        chosen = choose_slices(scan.slices, slices)
        used[int(index)] = len(chosen)
        if len(chosen):
            boxes.append(_box(scan.slices[chosen], pixels[-1]))
    return PixelSummary(
        intensities=_intensities(np.concatenate(pixels)) if pixels else {},
        box=_enclosing_box(np.array(boxes)) if boxes else {},
        used=used,
        problems=[
            *problems,
            *_mixed_scanners(scanners),
            *odd_files([entry.path.as_posix() for entry in sampled], looks),
        ],
    )


def _mixed_scanners(scanners: Mapping[str, str]) -> list[str]:
    """A sentence if the DICOM files, by name, come from several scanners."""
    counts = Counter(scanners.values())
    if len(counts) < 2:
        return []
    first = {scanner: file for file, scanner in reversed(list(scanners.items()))}
    named = ", ".join(f"{scanner} ({count}, {first[scanner]})" for scanner, count in counts.most_common(4))
    return [
        f"the files looked at are of {len(counts)} scanners: {named}; the prior mixes them unless "
        "data.conditions names scanner"
    ]


def _intensities(values: NDArray[np.float64]) -> dict[str, float]:
    percentiles = {
        f"p{q:g}": float(v) for q, v in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)
    }
    return {
        "minimum": float(values.min()),
        **percentiles,
        "maximum": float(values.max()),
        "foreground": float((values > _threshold(values)).mean()),
    }


def _threshold(values: NDArray[np.float64]) -> float:
    low, high = np.percentile(values, (PERCENTILES[0], PERCENTILES[-1]))
    return float(low + FOREGROUND_THRESHOLD * (high - low))


def _box(slices: np.ndarray, values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Top, bottom, left and right of the foreground of slices (S, H, W), as fractions."""
    foreground = slices > _threshold(values)
    sides: list[float] = []
    for across in (2, 1):
        fractions = foreground.mean(axis=(0, across))
        filled, count = np.flatnonzero(fractions >= MIN_FOREGROUND), len(fractions)
        sides += [filled[0] / count, (filled[-1] + 1) / count] if len(filled) else [0.0, 1.0]
    return sides[0], sides[1], sides[2], sides[3]


def _enclosing_box(boxes: NDArray[np.float64]) -> dict[str, float]:
    """The box whose sides enclose nearly all boxes."""
    low, high = np.percentile(boxes, (100 - BOX_PERCENTILE, BOX_PERCENTILE), axis=0, method="nearest")
    return {
        "top": float(low[0]),
        "bottom": float(high[1]),
        "left": float(low[2]),
        "right": float(high[3]),
    }
