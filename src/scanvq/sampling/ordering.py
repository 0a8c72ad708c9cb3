"""Sampling orders of the cells of a grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

OrderName = Literal[
    "raster", "column", "alternate", "spiral_in", "spiral_out", "z_curve", "subsample", "random"
]


class Ordering(nn.Module):
    """An order of the cells of an (h, w) grid, from Esser et al. 2021 (arXiv 2012.09841, figure 47).

    The paper uses square grids; here the orders are extended to any grid.

    - raster: row by row, like text ("row major").
    - column: column by column.
    - alternate: row by row, every second row from right to left (boustrophedon).
    - spiral_in, spiral_out: clockwise along the border and inwards; the reverse.
    - z_curve: Morton order, the four quadrants recursively.
    - subsample: all cells of even row and column, then (even, odd), (odd, even), (odd, odd), each
      recursively: coarse to fine.
    - random: a fixed permutation for each grid size.

    Args:
        name: which order.
        height: h.
        width: w.

    Raises:
        ValueError: an unknown name, or a grid without cells.
    """

    cells: Tensor
    """(h * w,) the cell, row * w + column, at each position of the order."""
    positions: Tensor
    """(h * w,) the position in the order of each cell: the inverse."""

    def __init__(self, name: OrderName, height: int, width: int) -> None:
        super().__init__()
        if name not in _ORDERS:
            raise ValueError(f"order is {name!r}; use one of {', '.join(get_args(OrderName))}")
        if height < 1 or width < 1:
            raise ValueError(f"the grid is {height}x{width}; each side must be 1 or more")
        self.shape = (height, width)
        cells = torch.tensor([row * width + column for row, column in _ORDERS[name](height, width)])
        self.register_buffer("cells", cells, persistent=False)
        self.register_buffer("positions", cells.argsort(), persistent=False)

    def sequence(self, grid: Tensor) -> Tensor:
        """A grid (B, h, w) as a sequence (B, h * w) in this order."""
        return grid.flatten(1).index_select(1, self.cells)

    def grid(self, sequence: Tensor) -> Tensor:
        """A sequence (B, h * w, ...) in this order as a grid (B, h, w, ...)."""
        return sequence.index_select(1, self.positions).unflatten(1, self.shape)


Cells = Iterable[tuple[int, int]]


def _raster(height: int, width: int) -> Cells:
    return [(row, column) for row in range(height) for column in range(width)]


def _column(height: int, width: int) -> Cells:
    return [(row, column) for column in range(width) for row in range(height)]


def _alternate(height: int, width: int) -> Cells:
    return [(row, width - 1 - at if row % 2 else at) for row in range(height) for at in range(width)]


def _spiral_in(height: int, width: int) -> list[tuple[int, int]]:
    top, left, bottom, right = 0, 0, height - 1, width - 1
    cells: list[tuple[int, int]] = []
    while top <= bottom and left <= right:
        cells += [(top, column) for column in range(left, right + 1)]
        cells += [(row, right) for row in range(top + 1, bottom + 1)]
        if top < bottom:
            cells += [(bottom, column) for column in range(right - 1, left - 1, -1)]
        if left < right:
            cells += [(row, left) for row in range(bottom - 1, top, -1)]
        top, left, bottom, right = top + 1, left + 1, bottom - 1, right - 1
    return cells


def _spiral_out(height: int, width: int) -> Cells:
    return reversed(_spiral_in(height, width))


def _bits(cell: tuple[int, int]) -> list[tuple[int, int]]:
    """The bits of row and column side by side, lowest first."""
    return [(cell[0] >> bit & 1, cell[1] >> bit & 1) for bit in range(32)]


def _z_curve(height: int, width: int) -> Cells:
    return sorted(_raster(height, width), key=lambda cell: _bits(cell)[::-1])


def _subsample(height: int, width: int) -> Cells:
    return sorted(_raster(height, width), key=_bits)


def _random(height: int, width: int) -> Cells:
    # NumPy guarantees that this stream never changes, so saved weights stay valid.
    cells = np.random.RandomState(1).permutation(height * width)
    return [divmod(int(cell), width) for cell in cells]


_ORDERS: dict[str, Callable[[int, int], Cells]] = {
    "raster": _raster,
    "column": _column,
    "alternate": _alternate,
    "spiral_in": _spiral_in,
    "spiral_out": _spiral_out,
    "z_curve": _z_curve,
    "subsample": _subsample,
    "random": _random,
}
