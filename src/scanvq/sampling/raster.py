"""Sampling in raster order: with the whole network for each cell, and with caches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from scanvq.kernels.graph_replay import GraphReplay
from scanvq.kernels.thread_count import limited_threads
from scanvq.sampling.filters import choose
from scanvq.sampling.ordered import sample_ordered
from scanvq.sampling.ordering import Ordering
from scanvq.sampling.uniforms import uniform_table
from scanvq.types import UNKNOWN, LevelWatch, SamplingParams, Stepper


class RasterStepper(Stepper):
    """A stepper in raster order. A sampler may also compute a whole row by `advance`.

    Subclasses compute logits; this class stores codes, current row, and number of computed cells of the row.

    Args:
        shape: (B, h, w).
        line: (w, B) int64, the codes of the current row, at a fixed address; the only copy of them until
            the next row is entered.

    Attributes:
        line: as given.
        done: number of computed cells of the current row, updated by the caller of `advance`.
    """

    def __init__(self, shape: tuple[int, int, int], line: Tensor) -> None:
        self.cells = tuple(range(shape[1] * shape[2]))
        self.line = line
        self.done = 0
        self._codes = line.new_full(shape, UNKNOWN)
        self._line_cells = line.unbind(0)  # (B,) each
        self._row = -1  # the current row; none yet

    def logits(self, cell: int) -> Tensor:
        row, column = divmod(cell, len(self.line))
        if (row, column) < (self._row, self.done):
            raise ValueError(f"cell {cell} was already computed; take cells in order, each once")
        self.enter_row(row)
        logits = self.advance(self.done, column + 1)
        self.done = column + 1
        return logits

    def set(self, cell: int, codes: Tensor) -> None:
        row, column = divmod(cell, len(self.line))
        if row == self._row:
            self._line_cells[column].copy_(codes)
        else:
            self._codes[:, row, column] = codes

    def set_all(self, codes: Tensor) -> None:
        """Sets every cell to codes (B, h, w), UNKNOWN where a code is set later. Call it first."""
        self._codes.copy_(codes)

    def all_codes(self) -> Tensor:
        """The codes (B, h, w) that are set, UNKNOWN where none is."""
        codes = self._codes.clone()
        if self._row >= 0:
            codes[:, self._row] = self.line.t()
        return codes

    def enter_row(self, row: int) -> None:
        """Makes `row` the current row; all rows above it are set."""
        if self._row < 0:
            self._skip_to(row, self._codes)
            self._start(row)
        while self._row < row:
            self._codes[:, self._row] = self.line.t()
            self._finish_row(self.done)
            self._start(self._row + 1)

    def _start(self, row: int) -> None:
        self._start_row(row, self._codes)
        self.line.copy_(self._codes[:, row].t())
        self._row, self.done = row, 0

    @abstractmethod
    def advance(self, start: int, stop: int) -> Tensor:
        """Computes cells start to stop - 1 of the row, all but the last set: logits (B, K) of the last.

        Called from left to right, at most once for every cell. Values that differ between rows are in
        tensors at fixed addresses, so that the work of a row can be captured (`GraphReplay`).
        """

    @abstractmethod
    def _skip_to(self, row: int, codes: Tensor) -> None:
        """Prepares for `row` as the first; all rows of `codes` (B, h, w) above it are set."""

    @abstractmethod
    def _start_row(self, row: int, codes: Tensor) -> None:
        """Computes the inputs of `row` from the rows above, all set. Called for each row in order."""

    @abstractmethod
    def _finish_row(self, start: int) -> None:
        """Computes the cells of `line` from `start` on, all set, as far as later rows need them."""


def sample_raster(
    logits_of: Callable[[Tensor], Tensor],
    known: Tensor,
    *,
    params: SamplingParams,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Samples UNKNOWN cells in raster order, with the whole network for each cell: see `sample_ordered`."""
    ordering = Ordering("raster", *known.shape[1:])
    return sample_ordered(logits_of, known, ordering=ordering, params=params, generator=generator)


def sample_raster_cached(
    stepper: RasterStepper,
    known: Tensor,
    *,
    params: SamplingParams,
    generator: torch.Generator | None = None,
    watch: LevelWatch | None = None,
) -> Tensor:
    """Samples UNKNOWN cells in raster order, with caches (arXiv 1704.06001).

    The codes are those of `sample_raster`, with the same random numbers for each cell. Rows above the first
    UNKNOWN cell are computed in a single pass, rows below the last are skipped, and known cells in between
    are not sampled. `watch` is called after each row.
    """
    uniform = uniform_table(known, generator)
    unknown = known == UNKNOWN
    any_unknown = unknown.any(dim=0).tolist()
    rows = [row for row, line in enumerate(any_unknown) if any(line)]
    if not rows:
        return known.clone()
    stepper.set_all(known)
    line = stepper.line.unbind(0)  # (B,) each, as are the random numbers
    row_uniform = uniform.new_empty(stepper.line.shape)
    cell_uniform = row_uniform.unbind(0)

    def fill_row() -> None:
        for column, cell in enumerate(line):
            cell.copy_(choose(stepper.advance(column, column + 1), params, cell_uniform[column]))

    all_unknown = unknown.all(dim=0).tolist()
    replay_row = GraphReplay(fill_row, known.device, calls=sum(map(all, all_unknown)))
    for row in range(rows[0], rows[-1] + 1):
        stepper.enter_row(row)
        row_uniform.copy_(uniform[:, row].t())
        with limited_threads(known):
            if all(all_unknown[row]):
                replay_row()
                stepper.done = len(line)
            else:
                for column in (column for column, wanted in enumerate(any_unknown[row]) if wanted):
                    cell = row * len(line) + column
                    sampled = choose(stepper.logits(cell), params, cell_uniform[column])
                    stepper.set(cell, torch.where(unknown[:, row, column], sampled, line[column]))
        if watch is not None:
            watch(stepper.all_codes())
    return stepper.all_codes()
