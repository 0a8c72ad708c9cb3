"""Squares of equal codes, beside a search of all squares."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.metrics.code_blocks import covering_sides, heaviest_square, square_sides


def all_squares(equal: np.ndarray) -> list[tuple[int, int, int]]:
    height, width = equal.shape
    return [
        (side, row, column)
        for side in range(1, min(height, width) + 1)
        for row in range(height - side + 1)
        for column in range(width - side + 1)
        if equal[row : row + side, column : column + side].all()
    ]


@pytest.mark.parametrize("seed", range(4))
def test_squares_are_those_of_a_search_of_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    equal = random.random((3, 7, 9)) < 0.8
    weights = random.random((7, 9))
    sides = square_sides(equal)
    cover = covering_sides(sides)
    heaviest = []
    for grid in range(3):
        squares = all_squares(equal[grid])
        for (row, column), side in np.ndenumerate(sides[grid]):
            assert side == max((s for s, r, c in squares if (r, c) == (row, column)), default=0)
        for (row, column), side in np.ndenumerate(cover[grid]):
            own = [s for s, r, c in squares if r <= row < r + s and c <= column < c + s]
            assert side == max(own, default=0)
        heaviest.append(max(weights[r : r + s, c : c + s].sum() for s, r, c in squares))
    grid, square = heaviest_square(sides, weights)
    assert grid == int(np.argmax(heaviest))
    assert square.weight == pytest.approx(max(heaviest))
    rows, columns = (slice(start, start + square.side) for start in (square.row, square.column))
    assert weights[rows, columns].sum() == pytest.approx(square.weight)


def test_nothing_equal() -> None:
    sides = square_sides(np.zeros((2, 3, 3), bool))
    assert not sides.any()
    assert not covering_sides(sides).any()
    assert heaviest_square(sides, np.ones((3, 3)))[1].side == 0
