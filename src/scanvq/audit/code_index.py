"""An index over all training codes: which of them have blocks of codes in common with a grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Grids = NDArray[np.integer]
SHIFT = 1  # cells
SHIFTS = sorted(product(range(-SHIFT, SHIFT + 1), repeat=2), key=lambda shift: shift != (0, 0))
COMMON = 0.1  # codes and blocks that more of the training images have at a place say nothing
CANDIDATES = 24  # training grids, each at its best shift, that are compared cell by cell


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """Training grids that have blocks in common with a grid, best first.

    Attributes:
        rows: (c,) of the index.
        shifts: (c, 2), rows and columns by which the training grid is moved.
        equal: (c, h, w), where the codes are equal.
    """

    rows: NDArray[np.int64]
    shifts: NDArray[np.int64]
    equal: NDArray[np.bool_]


class CodeIndex:
    """Blocks of 2x2 codes of all training images, by place.

    A posting list for each block at each place, as of words in a text search; a block counts by its rarity
    (inverse document frequency, Sparck Jones, Journal of Documentation 1972).

    Args:
        codes: (n, h, w), h and w at least 2.
        codebook_size: K.
    """

    def __init__(self, codes: Grids, codebook_size: int) -> None:
        self.codes, self.size = codes, codebook_size
        count, height, width = codes.shape
        self._counts = np.zeros((height * width, codebook_size), np.int32)
        for cell, column in enumerate(codes.reshape(count, -1).T):
            self._counts[cell] = np.bincount(column, minlength=codebook_size)
        keys = _block_keys(codes)  # (n, h-1, w-1)
        order = keys.argsort(axis=0, kind="stable")
        self._order = order.astype(np.int32)
        self._keys = np.take_along_axis(keys, order, axis=0)

    def rarity(self, codes: Grids) -> NDArray[np.float32]:
        """(n, h, w): bits of each code, -log2 of the share of training images with it at its place."""
        count, height, width = codes.shape
        cells = np.arange(height * width)
        same = self._counts[cells, codes.reshape(count, -1)]
        return self._bits(same).reshape(codes.shape)

    def is_rare(self, codes: Grids) -> NDArray[np.bool_]:
        """(n, h, w): whether at most 10 % of the training images, or one, have the code at its place."""
        count = codes.shape[0]
        same = self._counts[np.arange(self._counts.shape[0]), codes.reshape(count, -1)]
        return (same <= max(1, COMMON * len(self.codes))).reshape(codes.shape)

    def aligned(self, codes: Grids) -> list[Aligned]:
        """For each grid (b, h, w), the training grids and shifts that share the rarest blocks with it."""
        scores = np.stack([self._shared(codes, down, right) for down, right in SHIFTS], axis=1)  # (b, s, n)
        found = []
        for grid, score in zip(codes, scores, strict=True):
            highest = score.max(axis=0)  # at the best shift of each training grid
            keep = min(CANDIDATES, len(highest))
            rows = np.argpartition(highest, -keep)[-keep:]
            rows = rows[np.argsort(-highest[rows], kind="stable")]
            shifts = np.array(SHIFTS)[score[:, rows].argmax(axis=0)]
            equal = np.stack(
                [self._moved_equal(grid, row, *move) for row, move in zip(rows, shifts, strict=True)]
            )
            found.append(Aligned(rows=rows, shifts=shifts, equal=equal))
        return found

    def _bits(self, same: NDArray[np.int32]) -> NDArray[np.float32]:
        bits: NDArray[np.float32] = -np.log2(np.maximum(same, 1) / (len(self.codes) + 1)).astype(np.float32)
        return bits

    def _shared(self, codes: Grids, down: int, right: int) -> NDArray[np.float32]:
        """(b, n): bits of all rare blocks that grids share with training grids moved by a shift."""
        keys = _block_keys(codes)
        height, width = keys.shape[1:]
        total = len(self.codes)
        most = max(1, COMMON * total)
        pairs, weights = [], []
        for row in range(max(0, down), min(height, height + down)):
            for column in range(max(0, right), min(width, width + right)):
                place = (slice(None), row - down, column - right)
                low = np.searchsorted(self._keys[place], keys[:, row, column], side="left")
                same = np.searchsorted(self._keys[place], keys[:, row, column], side="right") - low
                grids = np.flatnonzero((same > 0) & (same <= most))
                if not len(grids):
                    continue
                lengths = same[grids]
                starts = np.repeat(low[grids] - np.concatenate([[0], lengths.cumsum()[:-1]]), lengths)
                postings = self._order[place][starts + np.arange(lengths.sum())]
                pairs.append(np.repeat(grids, lengths) * total + postings)
                weights.append(np.repeat(self._bits(lengths.astype(np.int32)), lengths))
        if not pairs:
            return np.zeros((len(codes), total), np.float32)
        joined = np.bincount(np.concatenate(pairs), np.concatenate(weights), minlength=len(codes) * total)
        return joined.reshape(len(codes), total).astype(np.float32)

    def _moved_equal(self, grid: Grids, row: int, down: int, right: int) -> NDArray[np.bool_]:
        height, width = grid.shape
        equal = np.zeros((height, width), bool)
        own = (
            slice(max(0, down), min(height, height + down)),
            slice(max(0, right), min(width, width + right)),
        )
        other = (
            slice(max(0, -down), min(height, height - down)),
            slice(max(0, -right), min(width, width - right)),
        )
        equal[own] = grid[own] == self.codes[row][other]
        return equal


def _block_keys(codes: Grids) -> NDArray[np.uint32]:
    """(n, h-1, w-1): a hash of the four codes of every 2x2 block."""
    wide = codes.astype(np.uint64)
    key = np.zeros((len(codes), codes.shape[1] - 1, codes.shape[2] - 1), np.uint64)
    for corner in (wide[:, :-1, :-1], wide[:, :-1, 1:], wide[:, 1:, :-1], wide[:, 1:, 1:]):
        key = (key ^ corner) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return (key >> np.uint64(32)).astype(np.uint32)
