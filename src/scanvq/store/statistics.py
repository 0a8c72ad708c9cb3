"""Statistics of the training slices: the intensity range, and mean and standard deviation in it."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.intensity import Intensity
from scanvq.store.store import Store

Rows = NDArray[np.integer[Any]]

SAMPLE = 2000
PIXELS_A_SLICE = 4096
# Ranges of files that differ by more than this are not in the same units.
COMPARABLE = 4.0


def training_statistics(
    store: Store, rows: Rows, intensity: Intensity, *, sample: int = SAMPLE, seed: int = 0
) -> tuple[float, float]:
    """Mean and standard deviation of the unit intensities, over all pixels of at most `sample` rows."""
    total = squares = 0.0
    count = 0
    for row in _sampled(rows, sample, seed):
        one = np.array([row])
        low, high = intensity.bounds(store.file_low[one, None, None], store.file_high[one, None, None])
        # Numbers of the data set and no images: of the native values, the same whatever a level is.
        unit = np.clip((store.native(one) - low) / (high - low), 0.0, 1.0)
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
        high: upper percentile, in percent. Background fills most of a slice, and lesions, vessels and fat are
            few pixels and bright: the common 99 or 99.5 would cut into them.
        sample: how many rows are looked at.
        seed: chooses rows and pixels.
    """
    random = np.random.default_rng(seed)
    values = []
    for row in _sampled(rows, sample, seed):
        pixels = store.native(np.array([row])).reshape(-1)
        if pixels.size > PIXELS_A_SLICE:
            pixels = pixels[random.integers(0, pixels.size, PIXELS_A_SLICE)]
        values.append(pixels)
    first, second = np.percentile(np.concatenate(values), (low, high))
    return float(first), float(second)


def decide_intensity(
    store: Store,
    rows: Rows,
    *,
    intensity: Literal["auto", "file", "percentiles", "full"] = "auto",
) -> Intensity:
    """Chooses what becomes 0 and what becomes 1, from the training rows alone.

    - "file": every file its own minimum and maximum.
    - "percentiles": two percentiles of the training set, see `percentiles`.
    - "full": 0 to 255 for 8-bit pictures that use at least half of that; else the lowest to the highest value
      of the training files (so that pictures of a few label numbers do not turn black).
    - "auto": "full" for 8-bit pictures: nothing is clipped, everything comes back bit for bit. Else
      "percentiles", which keeps intensities comparable between scans. But where the ranges of the files
      differ by more than 4 times (90th over 10th percentile), their units are arbitrary, as in much MRI:
      then "file".
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
    _, first = np.unique(store.entry[rows], return_index=True)  # a file once, however many slices it has
    chosen = rows[first]
    narrow, wide = np.percentile(store.file_high[chosen] - store.file_low[chosen], (10, 90))
    return bool(wide <= COMPARABLE * narrow)


def _sampled(rows: Rows, sample: int, seed: int) -> Rows:
    """At most `sample` of the rows, in order."""
    if len(rows) == 0:
        raise ValueError("no slices to take statistics of")
    if len(rows) <= sample:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, sample, replace=False))
