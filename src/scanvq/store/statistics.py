"""Statistics of the training slices: intensity range, mean and standard deviation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.intensity import COMPARABLE, Intensity
from scanvq.store.store import Store

Rows = NDArray[np.integer[Any]]

SAMPLE = 2000
PIXELS_PER_SLICE = 4096


def training_statistics(
    store: Store, rows: Rows, intensity: Intensity, *, sample: int = SAMPLE, seed: int = 0
) -> tuple[float, float]:
    """Mean and standard deviation of intensities in [0, 1], over all pixels of at most `sample` rows."""
    total = squares = 0.0
    count = 0
    for row in _sampled(rows, sample, seed):
        rows_of_one = np.array([row])
        file_low = store.file_low[rows_of_one, None, None]
        low, high = intensity.bounds(file_low, store.file_high[rows_of_one, None, None])
        # Computed from native values, so that the statistics do not depend on the packing into levels.
        unit = np.clip((store.native(rows_of_one) - low) / (high - low), 0.0, 1.0)
        unit = unit.astype(np.float32).astype(np.float64)
        total += float(unit.sum())
        squares += float((unit * unit).sum())
        count += unit.size
    mean = total / count
    return mean, max(squares / count - mean * mean, 0.0) ** 0.5


def percentiles(
    store: Store, rows: Rows, *, low: float = 0.1, high: float = 99.95, sample: int = SAMPLE, seed: int = 0
) -> tuple[float, float]:
    """Two percentiles of the native intensities, over random pixels of at most `sample` rows.

    Args:
        store: the prepared slices.
        rows: the training rows.
        low: lower percentile, in percent.
        high: upper percentile, in percent. Most pixels are background, and lesions, vessels and fat are few
            bright pixels: the common 99 or 99.5 would clip them.
        sample: number of sampled rows.
        seed: seed of the sampled rows and pixels.
    """
    random = np.random.default_rng(seed)
    values = []
    for row in _sampled(rows, sample, seed):
        pixels = store.native(np.array([row])).reshape(-1)
        if pixels.size > PIXELS_PER_SLICE:
            pixels = pixels[random.integers(0, pixels.size, PIXELS_PER_SLICE)]
        values.append(pixels)
    lower, upper = np.percentile(np.concatenate(values), (low, high))
    return float(lower), float(upper)


def decide_intensity(
    store: Store,
    rows: Rows,
    *,
    intensity: Literal["auto", "file", "percentiles", "full"] = "auto",
) -> Intensity:
    """Chooses the intensity scaling from the training rows alone.

    - "file": minimum and maximum of each file.
    - "percentiles": two percentiles of the training set, see `percentiles`.
    - "full": 0 to 255 for 8-bit images that use at least half of this range; else minimum and maximum of the
      training files (so that images of a few label values are not black).
    - "auto": "full" for 8-bit images, which clips nothing and is exactly invertible. Else "percentiles", so
      that intensities stay comparable between scans. If the ranges of the files differ by a factor above 4
      (90th over 10th percentile), their units are arbitrary, as in much MRI: then "file".

    Args:
        store: the prepared slices.
        rows: the training rows.
        intensity: one of the above.
    """
    rows = np.asarray(rows)
    if len(rows) == 0:
        raise ValueError("no training slices, so no range of intensities can be chosen")
    lowest, highest = float(store.file_low[rows].min()), float(store.file_high[rows].max())
    eight_bit = store.raw.dtype == np.uint8
    if intensity == "auto":
        intensity = "full" if eight_bit else "percentiles" if _comparable(store, rows) else "file"
    if intensity == "file":
        return Intensity(kind="file")
    if intensity == "percentiles":
        low, high = percentiles(store, rows)
        if low < high:
            return Intensity(kind="percentiles", low=low, high=high)
        return Intensity(kind="percentiles", low=lowest, high=highest)  # nearly all pixels are background
    if eight_bit and highest >= 128:
        return Intensity(kind="full", low=0.0, high=255.0)
    return Intensity(kind="full", low=0.0 if eight_bit else lowest, high=highest)


def _comparable(store: Store, rows: Rows) -> bool:
    """Whether the intensity ranges of the files differ by a factor of at most `COMPARABLE`."""
    _, first = np.unique(store.entry[rows], return_index=True)  # one row per file
    file_rows = rows[first]
    narrow, wide = np.percentile(store.file_high[file_rows] - store.file_low[file_rows], (10, 90))
    return bool(wide <= COMPARABLE * narrow)


def _sampled(rows: Rows, sample: int, seed: int) -> Rows:
    """At most `sample` random rows, in order."""
    if len(rows) == 0:
        raise ValueError("no slices to take statistics of")
    if len(rows) <= sample:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, sample, replace=False))
