"""The largest squares of equal codes of two grids, and which of them covers each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Sides = NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class Square:
    """A square of equal codes: side in cells, first row and column, sum of the weights inside."""

    side: int
    row: int
    column: int
    weight: float


def square_sides(equal: NDArray[np.bool_]) -> Sides:
    """For each cell (B, h, w), the side of the largest square of true cells that begins there; 0 = false."""
    sides = equal.astype(np.int16)
    inside = equal
    while True:  # inside: first cells of squares of the next side
        grown = np.zeros_like(inside)
        grown[:, :-1, :-1] = inside[:, :-1, :-1] & inside[:, 1:, :-1] & inside[:, :-1, 1:] & inside[:, 1:, 1:]
        if not grown.any():
            return sides
        sides += grown
        inside = grown


def covering_sides(sides: Sides) -> Sides:
    """For each cell (B, h, w), the side of the largest square of `square_sides` that covers it."""
    largest = int(sides.max(initial=0))
    cover = np.zeros_like(sides)
    # cover at a step: the largest square that has the square of this side here inside.
    for side in range(largest, 0, -1):
        wider = cover.copy()
        np.maximum(wider[:, 1:], cover[:, :-1], out=wider[:, 1:])
        cover = wider.copy()
        np.maximum(cover[:, :, 1:], wider[:, :, :-1], out=cover[:, :, 1:])
        np.maximum(cover, np.where(sides >= side, np.int16(side), np.int16(0)), out=cover)
    return cover


def heaviest_square(sides: Sides, weights: NDArray[np.floating]) -> tuple[int, Square]:
    """The square of greatest weight, and in which grid it is.

    Args:
        sides: (B, h, w), of `square_sides`.
        weights: (h, w), 0 or more, of every cell.
    """
    height, width = weights.shape
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = weights.cumsum(0).cumsum(1)
    row, column = np.arange(height)[:, None], np.arange(width)
    bottom, right = np.minimum(row + sides, height), np.minimum(column + sides, width)
    inside = sums[bottom, right] - sums[row, right] - sums[bottom, column] + sums[row, column]
    place = int(inside.argmax())
    which, top, left = np.unravel_index(place, sides.shape)
    side = int(sides[which, top, left])
    square = Square(side=side, row=int(top), column=int(left), weight=float(inside.flat[place]))
    return int(which), square
