"""The order of the Halton sequence: any prefix covers the grid evenly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def halton_order(height: int, width: int) -> Tensor:
    """The cells of a grid in the order of the Halton scheduler (arXiv 2503.17076).

    Point i of the sequence, from 1 on, is (radical inverse of i in base 2, in base 3) in [0, 1) squared; it
    falls into a row and a column. Cells that occurred before are skipped, as in the published code, which is
    for square grids; for rectangles, the sequence is stretched.

    Returns:
        (h * w,) int64, every cell number (row * w + column) once.

    Raises:
        ValueError: a side below 1.
    """
    if height < 1 or width < 1:
        raise ValueError(f"the grid is {height}x{width}; each side must be 1 or more")
    return torch.tensor(_order(height, width))


@lru_cache(maxsize=8)
def _order(height: int, width: int) -> tuple[int, ...]:
    # A stretch of 2^a 3^b points meets each box of 2^-a x 3^-b once: half a cell a side meets every cell.
    rows, columns = 1, 1
    while rows < 2 * height:
        rows *= 2
    while columns < 2 * width:
        columns *= 3
    numbers = np.arange(1, rows * columns + 1)
    cells = _scaled_inverse(numbers, 2, height) * width + _scaled_inverse(numbers, 3, width)
    _, first = np.unique(cells, return_index=True)
    return tuple(cells[np.sort(first)].tolist())


def _scaled_inverse(numbers: NDArray[np.int64], base: int, scale: int) -> NDArray[np.int64]:
    """floor(scale * radical inverse), in integers: the digits of each number mirrored at the point."""
    mirrored, power, rest = np.zeros_like(numbers), 1, numbers.copy()
    while rest.any():
        mirrored = mirrored * base + rest % base
        rest //= base
        power *= base
    return mirrored * scale // power
