"""Near-duplicate search between splits: copies, also flipped, shifted, scaled, brightened or re-encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.intensity import Intensity
from scanvq.store.band_pass import Images, band_pass
from scanvq.store.dataset import SliceDataset
from scanvq.store.image_matcher import SAME_SCAN_CORRELATION, ImageMatcher, normalize
from scanvq.store.store import Store

CELLS = 32  # side of the small images for candidate search
FINE, COARSE = 0.7, 2.0  # blurs of the small images in cells, tolerant to a shift of half a cell
CANDIDATES = 3  # full comparisons per held-out image
MIN_SIMILARITY = 0.5  # of the small images; less similar pairs are not compared
FOREGROUND, MIN_FOREGROUND = 0.1, 0.03  # threshold relative to the maximum; minimum fraction of pixels
BLOCK = 64  # images in memory at a time
SCORES = 2**23  # similarities in memory at a time
FLIPS = ((1, 1), (1, -1), (-1, 1), (-1, -1))  # steps along rows and columns: original and flipped

Rows = NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """Two rows of a store that show the same scan.

    Attributes:
        first: row of the split that comes first.
        second: held-out row.
        correlation: their correlation, see `ImageMatcher`.
    """

    first: int
    second: int
    correlation: float


def find_near_duplicates(
    store: Store,
    intensity: Intensity,
    *,
    threshold: float = SAME_SCAN_CORRELATION,
    progress: Progress | None = None,
) -> list[Duplicate]:
    """Finds pairs of rows of different splits and groups that show the same scan, except nearly empty rows.

    Small band-passed copies of every held-out image, in all four flips, are compared with all images of other
    splits by a matrix product; the most similar pairs are compared in full by `ImageMatcher`.

    Args:
        store: the prepared slices, with splits.
        intensity: scaling of native units to [0, 1].
        threshold: minimum correlation of images of the same scan.
        progress: called with the numbers of processed and of all images.
    """
    report = progress or (lambda done, total: None)
    dataset = SliceDataset(store, np.arange(len(store)), intensity)
    height, width = store.raw.shape[1:]
    split = np.array([str(entry.split) for entry in store.catalog.entries])[store.entry]
    queries = np.flatnonzero(split != "train")
    total = len(store) + len(queries)
    small, usable = _small_images(dataset, lambda done: report(done, total))
    group = np.unique([entry.group for entry in store.catalog.entries], return_inverse=True)[1][store.entry]
    queries, targets = queries[usable[queries]], np.flatnonzero(usable & (split != "test"))
    matcher = ImageMatcher(height, width, threshold=threshold)
    duplicates = []
    blocks = _candidates(small, queries, targets, split, group)
    for done, (query, others, flips) in enumerate(blocks, start=1):
        details = matcher.details(_images(dataset, np.array([query, *others])))
        for other, flip, detail in zip(others, flips, details[1:], strict=True):
            correlation = matcher.correlation(detail, _flipped(details[0], flip))
            if correlation >= threshold:
                duplicates.append(Duplicate(first=int(other), second=int(query), correlation=correlation))
        report(len(store) + done, total)
    report(total, total)
    return duplicates


def _small_images(dataset: SliceDataset, report: Callable[[int], None]) -> tuple[Images, NDArray[np.bool_]]:
    """Small band-passed copies (N, cells, cells) of unit norm, and a mask of images with foreground."""
    height, width = dataset.store.raw.shape[1:]
    cells = (min(CELLS, height), min(CELLS, width))
    small = np.empty((len(dataset), *cells), np.float32)
    usable = np.empty(len(dataset), bool)
    for start in range(0, len(dataset), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(dataset)))
        images = _images(dataset, block)
        small[block] = normalize(band_pass(images, cells=cells, fine=FINE, coarse=COARSE))
        maximum = images.max(axis=(1, 2), keepdims=True)
        foreground = (images > FOREGROUND * maximum).mean(axis=(1, 2))
        usable[block] = (foreground >= MIN_FOREGROUND) & (images.std(axis=(1, 2)) > 1e-3)
        report(int(block[-1]) + 1)
    return small, usable


def _candidates(
    small: Images, queries: Rows, targets: Rows, split: NDArray[Any], group: NDArray[np.int64]
) -> Iterator[tuple[int, Rows, Rows]]:
    """For each query: its most similar targets of another split and group, and their flips."""
    if not len(targets):
        return
    target_vectors = small[targets].reshape(len(targets), -1)
    size = max(1, SCORES // (len(FLIPS) * len(targets)))
    keep = min(CANDIDATES, len(FLIPS) * len(targets))
    for start in range(0, len(queries), size):
        rows = queries[start : start + size]
        similarity = np.stack(
            [
                _flipped(small[rows], flip).reshape(len(rows), -1) @ target_vectors.T
                for flip in range(len(FLIPS))
            ],
            1,
        )
        excluded = (split[rows][:, None] == split[targets]) | (group[rows][:, None] == group[targets])
        # Validation images are targets of test images only, so that each pair is compared once.
        similarity[np.broadcast_to(excluded[:, None], similarity.shape)] = -1
        flat = similarity.reshape(len(rows), -1)
        best = np.argpartition(flat, -keep, axis=1)[:, -keep:]
        for row, columns, values in zip(rows, best, np.take_along_axis(flat, best, 1), strict=True):
            columns = columns[values >= MIN_SIMILARITY]
            yield int(row), targets[columns % len(targets)], columns // len(targets)


def _flipped(images: Images, flip: int) -> Images:
    rows, columns = FLIPS[flip]
    return images[..., ::rows, ::columns]


def _images(dataset: SliceDataset, rows: Rows) -> Images:
    images: Images = dataset.batch(rows)[0][:, 0].numpy()
    return images
