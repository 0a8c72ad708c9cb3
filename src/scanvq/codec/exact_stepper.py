"""What the exact priors share: the codes so far, and logits of cells from cached features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scanvq.codec.exact_conditions import Values
from scanvq.codec.fixed_point import Exact

Grid = NDArray[np.int64]


class ExactStepper(ABC):
    """Logits of a batch of grids in raster order, row by row and within a row cell by cell, or all at once.

    Args:
        shape: (B, h, w).
        size: K; the code of cells outside the grid.
        reach: rows above and columns to each side whose codes are read.
    """

    def __init__(self, shape: tuple[int, int, int], size: int, reach: int) -> None:
        batch, height, width = shape
        self.width, self.batch, self._reach = width, batch, reach
        self._padded = np.full((height + reach, width + 2 * reach, batch), size, np.int64)

    def set(self, row: int, start: int, codes: Grid) -> None:
        """Sets the codes (n, B) of the cells from `start` on in a row."""
        first = self._reach + start
        self._padded[row + self._reach, first : first + len(codes)] = codes

    @abstractmethod
    def start_row(self, row: int) -> None:
        """Prepares a row; the codes of all rows above are set, and their logits were computed."""

    @abstractmethod
    def logits(self, start: int, stop: int) -> Exact:
        """Sums (n, B, K) of cells start to stop - 1; the codes of all cells before stop - 1 are set.

        Cells of a row are asked for in order, each once.
        """

    def _looked_up(self, tables: Exact, row: int, up: int, across: int, start: int, stop: int) -> Exact:
        """The rows (n, B, C) of a table (K + 1, C) for codes `up` rows above and `across` columns right."""
        first = self._reach + across
        return tables.take(self._line(row - up)[first + start : first + stop], axis=0)

    def _line(self, row: int) -> Grid:
        """The codes (reach + w + reach, B) of a row, with its borders; row -1 is above the grid."""
        line: Grid = self._padded[row + self._reach]
        return line


class ExactNetwork(ABC):
    """The weights of a prior as integers.

    Attributes:
        size: K.
    """

    size: int

    @abstractmethod
    def stepper(
        self, shape: tuple[int, int, int], *, context: Sequence[Grid], condition: Values
    ) -> ExactStepper:
        """A stepper for a batch of grids.

        Args:
            shape: (B, h, w).
            context: codes (B, h', w') of the coarser levels.
            condition: global codes (B,) by name of their condition.
        """
