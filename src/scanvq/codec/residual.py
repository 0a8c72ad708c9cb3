"""Residuals of images: whole numbers, coded from coarse to fine with the residuals around as context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scanvq.codec.fixed_point import Exact
from scanvq.codec.range_coder import Decoder, Encoder, frequencies
from scanvq.codec.scale_tables import HIGHEST, LOWEST, MEAN_BITS, MOST, STEPS, model_of, thresholds

Grid = NDArray[np.int64]
Code = Callable[[Grid, Exact], Grid]
"""Symbols (n,) and their model (K,) to the symbols: an encoder appends them, a decoder reads them instead."""

LARGEST = 2**30
"""Of the absolute values of residuals."""

_COARSEST = 64  # distance of the pixels of the first pass
_WEIGHTS = 13  # the mean of the residuals around is weighted by 0 ... 12 eighths
_ACTIVITIES = np.array([1, *(part << octave for octave in range(26) for part in (2, 3))], np.int64)
_GRADIENTS = np.array([1, 2, 4, 8, 16, 32, 64], np.int64)
_GUESS_COUNT = 4  # residuals that the first guess of a context counts for
_MOST_COUNT = 2**11  # residuals after which the counts of a context are halved


class ResidualCoder:
    """Codes the residuals of one image after the other; contexts learn from everything coded before.

    An image is coded in passes: pixels at distance 64, then those between them, until all are coded. The
    context of a pixel is the mean absolute residual of the up to four nearest coded pixels, and the gradient
    of the prediction. Each context has a scale, which is learned from its residuals: nothing of it is in the
    stream.

    Args:
        coder: of the stream.
    """

    def __init__(self, coder: Encoder | Decoder) -> None:
        self._code = _encoding(coder) if isinstance(coder, Encoder) else _decoding(coder)
        self._chooses = isinstance(coder, Encoder)
        guess = np.concatenate([[1], 4 * _ACTIVITIES, [128]]) << MEAN_BITS - 4  # by activity
        guess = np.repeat(guess, len(_GRADIENTS) + 1)
        self._sums, self._counts = guess * _GUESS_COUNT, np.full(len(guess), _GUESS_COUNT)

    def code(self, residual: Grid, gradient: Grid) -> Grid:
        """Codes one residual (H, W) and returns it; a decoder ignores its values.

        Args:
            residual: whole numbers up to `LARGEST`.
            gradient: (H, W) of the prediction in units of the residual, at least 0.

        Raises:
            CodecError: damaged data.
        """
        known = _Known(residual.shape)
        for cells in _passes(*residual.shape):
            total, count, activity = known.around(cells)
            values = residual[cells.rows, cells.columns]
            weight = _best_weight(values, total, count) if self._chooses and cells.offsets else 0
            if cells.offsets:
                weight = int(self._code(np.array([weight]), _uniform(_WEIGHTS))[0])
            guess = _guess(total, count, weight)
            steepness = np.searchsorted(_GRADIENTS, gradient[cells.rows, cells.columns], side="right")
            context = activity * (len(_GRADIENTS) + 1) + steepness
            known.set(cells, self._coded(values - guess, context) + guess)
        return known.residual

    def _coded(self, values: Grid, context: Grid) -> Grid:
        """Codes values (n,) in their contexts, and learns from them."""
        index = LOWEST + np.searchsorted(thresholds(), self._sums // self._counts, side="right")
        of_value = index[context]
        found = np.zeros_like(values)
        for each in np.unique(of_value).tolist():
            at = np.flatnonzero(of_value == each)
            found[at] = self._numbers(values[at], each)
        np.add.at(self._sums, context, np.abs(found) << MEAN_BITS)
        self._counts += np.bincount(context, minlength=len(index))
        while (full := self._counts > _MOST_COUNT).any():
            self._sums[full] >>= 1
            self._counts[full] >>= 1
        return found

    def _numbers(self, values: Grid, index: int) -> Grid:
        """Codes values of one scale: their upper part by its table, lower bits as they are."""
        shift = max(0, -(-(index - HIGHEST) // STEPS))
        high = values >> shift
        symbols = np.where(high < -MOST, 2 * MOST + 1, np.minimum(high + MOST, 2 * MOST + 2))
        symbols[high > MOST] = 2 * MOST + 2
        symbols = self._code(symbols, model_of(index - STEPS * shift))
        high_found = symbols - MOST
        far = np.flatnonzero(symbols > 2 * MOST)
        if len(far):
            beyond = self._positive(np.abs(high[far]) - MOST) + MOST
            high_found[far] = np.where(symbols[far] == 2 * MOST + 1, -beyond, beyond)
        return high_found << shift | self._bits(values & (1 << shift) - 1, shift)

    def _positive(self, values: Grid) -> Grid:
        """Codes whole numbers from 1 to 2^31: how many bits they have, then these."""
        lengths = np.floor(np.log2(np.maximum(values, 1))).astype(np.int64)
        lengths = self._code(lengths, _uniform(32))
        found = np.zeros_like(values)
        for length in np.unique(lengths).tolist():
            at = np.flatnonzero(lengths == length)
            found[at] = 1 << length | self._bits(values[at] & (1 << length) - 1, length)
        return found

    def _bits(self, values: Grid, count: int) -> Grid:
        """Codes the lowest bits of values, each 0 or 1 with probability 1/2."""
        found = np.zeros_like(values)
        for first in range(0, count, 8):
            size = 1 << min(8, count - first)
            found |= self._code(values >> first & size - 1, _uniform(size)) << first
        return found


def _encoding(encoder: Encoder) -> Code:
    def code(symbols: Grid, model: Exact) -> Grid:
        encoder.encode_same(symbols, model)
        return symbols

    return code


def _decoding(decoder: Decoder) -> Code:
    return lambda symbols, model: decoder.decode_same(len(symbols), model)


@cache
def _uniform(size: int) -> Exact:
    """The model (size,) of equal probabilities."""
    return frequencies(np.ones((1, size)))[0]


def _guess(total: Grid, count: Grid, weight: int) -> Grid:
    """The mean of the residuals around, weighted, rounded."""
    both = 16 * np.maximum(count, 1)
    guess: Grid = (2 * weight * total + both // 2) // both
    return guess


def _best_weight(values: Grid, total: Grid, count: Grid) -> int:
    """The weight of the mean around that leaves the smallest residuals."""
    left = [np.abs(values - _guess(total, count, weight)).sum() for weight in range(_WEIGHTS)]
    return int(np.argmin(left))


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """The pixels of a pass, and where their coded neighbors are."""

    rows: Grid
    columns: Grid
    offsets: tuple[tuple[int, int], ...]


def _passes(height: int, width: int) -> Iterator[_Cells]:
    """Pixels at distance 64, then the middles of squares and of sides, with half the distance each time."""
    rows, columns = np.indices((height, width))

    def cells(chosen: NDArray[np.bool_], *offsets: tuple[int, int]) -> _Cells:
        return _Cells(rows=rows[chosen], columns=columns[chosen], offsets=offsets)

    yield cells((rows % _COARSEST == 0) & (columns % _COARSEST == 0))
    half = _COARSEST // 2
    while half:
        places = (rows % half == 0) & (columns % half == 0)
        odd_row, odd_column = rows // half % 2 == 1, columns // half % 2 == 1
        yield cells(places & odd_row & odd_column, (-half, -half), (-half, half), (half, -half), (half, half))
        yield cells(places & (odd_row != odd_column), (-half, 0), (half, 0), (0, -half), (0, half))
        half //= 2


class _Known:
    """The residuals coded so far."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        height, width = shape
        self._values = np.zeros((height + 2 * _COARSEST, width + 2 * _COARSEST), np.int64)
        self._flags = np.zeros_like(self._values)

    @property
    def residual(self) -> Grid:
        return self._values[_COARSEST:-_COARSEST, _COARSEST:-_COARSEST].copy()

    def around(self, cells: _Cells) -> tuple[Grid, Grid, Grid]:
        """Of the coded neighbors of each pixel: sum, number, and the class of their mean absolute value."""
        total, count, size = np.zeros((3, len(cells.rows)), np.int64)
        for down, right in cells.offsets:
            at = (cells.rows + _COARSEST + down, cells.columns + _COARSEST + right)
            total += self._values[at]
            size += np.abs(self._values[at])
            count += self._flags[at]
        activity = np.searchsorted(_ACTIVITIES, 4 * size // np.maximum(count, 1), side="right")
        return total, count, np.where(count > 0, activity, len(_ACTIVITIES) + 1)

    def set(self, cells: _Cells, values: Grid) -> None:
        at = (cells.rows + _COARSEST, cells.columns + _COARSEST)
        self._values[at] = values
        self._flags[at] = 1
