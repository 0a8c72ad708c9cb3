"""The Halton order: every cell once, and prefixes spread better than in raster or random order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from scanvq.sampling.halton import halton_order


def radical_inverse(number: int, base: int) -> Fraction:
    """By the definition: the digits behind the point."""
    inverse, place = Fraction(0), Fraction(1, base)
    while number:
        inverse, number, place = inverse + number % base * place, number // base, place / base
    return inverse


def plain_order(height: int, width: int) -> list[int]:
    cells: list[int] = []
    number = 0
    while len(cells) < height * width:
        number += 1
        row = int(radical_inverse(number, 2) * height)
        column = int(radical_inverse(number, 3) * width)
        if row * width + column not in cells:
            cells.append(row * width + column)
    return cells


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (4, 4), (9, 6), (8, 16), (13, 31)])
def test_equals_the_definition_of_the_sequence(shape: tuple[int, int]) -> None:
    order = halton_order(*shape)
    assert order.dtype == torch.int64
    assert order.tolist() == plain_order(*shape)


@pytest.mark.parametrize("shape", [(64, 64), (32, 64), (50, 27)])
def test_every_cell_comes_once(shape: tuple[int, int]) -> None:
    assert halton_order(*shape).sort().values.tolist() == list(range(shape[0] * shape[1]))


def test_the_first_points_are_known() -> None:
    """(1/2, 1/3), (1/4, 2/3), (3/4, 1/9) of a grid of 4x9."""
    assert halton_order(4, 9)[:3].tolist() == [2 * 9 + 3, 1 * 9 + 6, 3 * 9 + 1]


def discrepancy(cells: np.ndarray, height: int, width: int) -> float:
    """How far the share of cells in a box at the corner is from the box's area, for the worst box."""
    hits = np.zeros((height, width))
    hits.flat[cells] = 1 / len(cells)
    area = np.outer(np.arange(1, height + 1) / height, np.arange(1, width + 1) / width)
    return float(np.abs(hits.cumsum(0).cumsum(1) - area).max())


@pytest.mark.parametrize("shape", [(16, 16), (32, 16)])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5])
def test_the_first_cells_are_spread_better_than_at_random_or_row_by_row(
    shape: tuple[int, int], share: float
) -> None:
    cells = shape[0] * shape[1]
    first = int(cells * share)
    random = np.random.default_rng(0)
    shuffled = [discrepancy(random.permutation(cells)[:first], *shape) for _ in range(20)]
    halton = discrepancy(halton_order(*shape).numpy()[:first], *shape)
    assert halton < 0.75 * np.mean(shuffled)
    assert halton < min(shuffled)
    assert halton < discrepancy(np.arange(first), *shape)


def test_changing_a_returned_order_does_not_change_later_results() -> None:
    halton_order(3, 3).zero_()
    assert halton_order(3, 3).tolist() == plain_order(3, 3)


def test_an_empty_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="grid is 0x4"):
        halton_order(0, 4)
