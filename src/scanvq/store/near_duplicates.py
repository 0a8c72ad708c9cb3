"""Finds images of one scan on two sides of a split: copies, also mirrored, moved, brightened or recoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.intensity import Intensity
from scanvq.store.band_pass import Images, band_pass
from scanvq.store.dataset import SliceDataset
from scanvq.store.image_matcher import SAME, ImageMatcher, unit
from scanvq.store.store import Store

CELLS = 32  # a side of the small image by which candidates are found
FINE, COARSE = 0.7, 2.0  # its blurs, in cells: wide enough for a shift of half a cell
CANDIDATES = 3  # images compared in full with each held-out image
LIKELY = 0.5  # likeness of the small images, below which no comparison is made
FOREGROUND, LEAST = 0.1, 0.03  # brighter than this share of the maximum; at least this share of pixels
BLOCK = 64  # images in memory at a time
SCORES = 2**23  # likenesses in memory at a time
TURNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))  # steps along rows and columns: as it is, and mirrored

Rows = NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """Two rows of a store that show the same scan, and their correlation."""

    first: int
    second: int
    correlation: float


def near_duplicates(
    store: Store, intensity: Intensity, *, same: float = SAME, progress: Progress | None = None
) -> list[Duplicate]:
    """Pairs of rows of different splits and groups that show the same scan; nearly empty rows have none.

    Every held-out image is compared with all images of other splits, in all four mirrorings, by small
    band-passed copies (a matrix product); its likeliest few are compared in full, see `same_scan`.

    Args:
        store: the prepared slices, their catalog split.
        intensity: how native units become [0, 1].
        same: correlation from which two images count as one scan.
        progress: called with images done and all.
    """
    tell = progress or (lambda done, total: None)
    dataset = SliceDataset(store, np.arange(len(store)), intensity)
    height, width = store.raw.shape[1:]
    split = np.array([str(entry.split) for entry in store.catalog.entries])[store.entry]
    queries = np.flatnonzero(split != "train")
    total = len(store) + len(queries)
    small, full = _small_images(dataset, lambda done: tell(done, total))
    group = np.unique([entry.group for entry in store.catalog.entries], return_inverse=True)[1][store.entry]
    queries, targets = queries[full[queries]], np.flatnonzero(full & (split != "test"))
    matcher = ImageMatcher(height, width, same=same)
    found = []
    blocks = _candidates(small, queries, targets, split, group)
    for done, (query, others, turns) in enumerate(blocks, start=1):
        details = matcher.details(_images(dataset, np.array([query, *others])))
        for other, turn, detail in zip(others, turns, details[1:], strict=True):
            correlation = matcher.correlation(detail, _turned(details[0], turn))
            if correlation >= same:
                found.append(Duplicate(first=int(other), second=int(query), correlation=correlation))
        tell(len(store) + done, total)
    tell(total, total)
    return found


def _small_images(dataset: SliceDataset, tell: Callable[[int], None]) -> tuple[Images, NDArray[np.bool_]]:
    """Small band-passed copies (N, cells, cells) of length 1, and which images hold enough to compare."""
    height, width = dataset.store.raw.shape[1:]
    cells = (min(CELLS, height), min(CELLS, width))
    small = np.empty((len(dataset), *cells), np.float32)
    full = np.empty(len(dataset), bool)
    for start in range(0, len(dataset), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(dataset)))
        images = _images(dataset, block)
        small[block] = unit(band_pass(images, cells=cells, fine=FINE, coarse=COARSE))
        brightest = images.max(axis=(1, 2), keepdims=True)
        bright = (images > FOREGROUND * brightest).mean(axis=(1, 2))
        full[block] = (bright >= LEAST) & (images.std(axis=(1, 2)) > 1e-3)
        tell(int(block[-1]) + 1)
    return small, full


def _candidates(
    small: Images, queries: Rows, targets: Rows, split: NDArray[Any], group: NDArray[np.int64]
) -> Iterator[tuple[int, Rows, Rows]]:
    """For each query: its likeliest targets of another split and group, and how it must be turned."""
    if not len(targets):
        return
    known = small[targets].reshape(len(targets), -1)
    size = max(1, SCORES // (len(TURNS) * len(targets)))
    keep = min(CANDIDATES, len(TURNS) * len(targets))
    for start in range(0, len(queries), size):
        rows = queries[start : start + size]
        likeness = np.stack(
            [_turned(small[rows], turn).reshape(len(rows), -1) @ known.T for turn in range(len(TURNS))], 1
        )
        own = (split[rows][:, None] == split[targets]) | (group[rows][:, None] == group[targets])
        # What is held out for validation is a target for the test split only: each pair is met once.
        likeness[np.broadcast_to(own[:, None], likeness.shape)] = -1
        flat = likeness.reshape(len(rows), -1)
        best = np.argpartition(flat, -keep, axis=1)[:, -keep:]
        for row, places, values in zip(rows, best, np.take_along_axis(flat, best, 1), strict=True):
            places = places[values >= LIKELY]
            yield int(row), targets[places % len(targets)], places // len(targets)


def _turned(images: Images, turn: int) -> Images:
    rows, columns = TURNS[turn]
    return images[..., ::rows, ::columns]


def _images(dataset: SliceDataset, rows: Rows) -> Images:
    images: Images = dataset.batch(rows)[0][:, 0].numpy()
    return images
