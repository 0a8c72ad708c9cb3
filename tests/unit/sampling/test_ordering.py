from __future__ import annotations

from typing import get_args

import pytest
import torch

from scanvq.sampling.ordering import Ordering, OrderName

NAMES = get_args(OrderName)

# The place of each cell in the order, read off by hand (4x4: arXiv 2012.09841, figure 47).
POSITIONS = {
    "raster": [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]],
    "column": [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]],
    "alternate": [[0, 1, 2, 3], [7, 6, 5, 4], [8, 9, 10, 11], [15, 14, 13, 12]],
    "spiral_in": [[0, 1, 2, 3], [11, 12, 13, 4], [10, 15, 14, 5], [9, 8, 7, 6]],
    "spiral_out": [[15, 14, 13, 12], [4, 3, 2, 11], [5, 0, 1, 10], [6, 7, 8, 9]],
    "z_curve": [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]],
    "subsample": [[0, 4, 1, 5], [8, 12, 9, 13], [2, 6, 3, 7], [10, 14, 11, 15]],
}


@pytest.mark.parametrize("name", sorted(POSITIONS))
def test_the_published_order(name: OrderName) -> None:
    assert Ordering(name, 4, 4).positions.view(4, 4).tolist() == POSITIONS[name]


def test_every_order_but_the_random_one_is_written_out() -> None:
    assert {*POSITIONS, "random"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 1), (2, 3), (5, 8), (15, 16)])
def test_every_cell_comes_once_on_any_grid(name: OrderName, shape: tuple[int, int]) -> None:
    ordering = Ordering(name, *shape)
    assert sorted(ordering.cells.tolist()) == list(range(shape[0] * shape[1]))
    assert torch.equal(ordering.cells[ordering.positions], torch.arange(shape[0] * shape[1]))


@pytest.mark.parametrize("name", NAMES)
def test_to_a_sequence_and_back(name: OrderName) -> None:
    ordering = Ordering(name, 3, 4)
    grid = torch.randint(9, (2, 3, 4), generator=torch.Generator().manual_seed(0))
    sequence = ordering.sequence(grid)
    row, column = divmod(int(ordering.cells[5]), 4)
    assert torch.equal(sequence[:, 5], grid[:, row, column])
    assert torch.equal(ordering.grid(sequence), grid)
    wide = torch.stack([sequence, -sequence], dim=-1)
    assert torch.equal(ordering.grid(wide), torch.stack([grid, -grid], dim=-1))


@pytest.mark.parametrize("name", ["alternate", "spiral_in", "spiral_out"])
@pytest.mark.parametrize("shape", [(4, 7), (5, 5), (7, 2)])
def test_lines_never_jump(name: OrderName, shape: tuple[int, int]) -> None:
    cells = Ordering(name, *shape).cells
    rows, columns = cells // shape[1], cells % shape[1]
    assert (rows.diff().abs() + columns.diff().abs() == 1).all()


def test_subsample_starts_with_every_fourth_cell() -> None:
    first = Ordering("subsample", 6, 10).cells[:15]
    assert ((first // 10) % 2 == 0).all()
    assert ((first % 10) % 2 == 0).all()


def test_the_random_order_never_changes() -> None:
    """Weights were trained in it. These are NumPy's own numbers of seed 1."""
    assert Ordering("random", 2, 5).cells.tolist() == [2, 9, 6, 4, 0, 3, 1, 7, 8, 5]


def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="order is 'diagonal'; use one of raster"):
        Ordering("diagonal", 2, 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0x3"):
        Ordering("raster", 0, 3)


def test_weights_hold_no_order() -> None:
    assert Ordering("random", 3, 3).state_dict() == {}
