"""Sampling in raster order: the plain way, and the way that computes only what is new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from scanvq.kernels.graph_replay import Replayed
from scanvq.kernels.thread_count import few_threads
from scanvq.sampling.filters import choose
from scanvq.sampling.ordered import sample_ordered
from scanvq.sampling.ordering import Ordering
from scanvq.sampling.uniforms import uniform_table
from scanvq.types import UNKNOWN, SamplingParams


class RasterSteps(Protocol):
    """A network that can go through a grid cell by cell, keeping what later cells need."""

    line: Tensor
    """Codes (w, B) of the row at hand. The sampler writes each cell here once it is known."""

    def skip_to(self, row: int, codes: Tensor) -> None:
        """Prepares for `row` as the first; all rows of `codes` (B, h, w) above it are known."""

    def start_row(self, row: int, codes: Tensor) -> None:
        """Computes what `row` needs of the rows above, which are all known. Called for row after row."""

    def advance(self, start: int, stop: int) -> Tensor:
        """Goes through cells start to stop - 1, all but the last known: logits (B, K) of the last.

        Called from left to right, for every cell once. What differs from row to row is in tensors that stay
        where they are, so that the work of a row can be recorded (`Replayed`).
        """

    def finish_row(self, start: int) -> None:
        """Computes what later rows need of the cells from `start` on, all known and not gone through."""


def sample_raster(
    logits_of: Callable[[Tensor], Tensor],
    known: Tensor,
    *,
    params: SamplingParams,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fills UNKNOWN cells in raster order, running the whole network for each: see `sample_ordered`."""
    ordering = Ordering("raster", *known.shape[1:])
    return sample_ordered(logits_of, known, ordering=ordering, params=params, generator=generator)


def sample_raster_cached(
    steps: RasterSteps,
    known: Tensor,
    *,
    params: SamplingParams,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fills UNKNOWN cells in raster order from a network's caches (arXiv 1704.06001).

    Gives the codes of `sample_raster`, equal random numbers for equal cells. Rows above the first UNKNOWN are
    one pass, rows below the last are left out, and known cells in between cost no draw.
    """
    uniform = uniform_table(known, generator)
    unknown = known == UNKNOWN
    places = unknown.any(dim=0).tolist()
    rows = [row for row, line in enumerate(places) if any(line)]
    codes = known.clone()
    if not rows:
        return codes
    line = steps.line.unbind(0)  # (B,) each, as are the numbers
    row_numbers = uniform.new_empty(steps.line.shape)
    numbers = row_numbers.unbind(0)

    def fill_row() -> None:
        for column, cell in enumerate(line):
            cell.copy_(choose(steps.advance(column, column + 1), params, numbers[column]))

    everyone = unknown.all(dim=0).tolist()
    fill_whole_row = Replayed(fill_row, known.device, times=sum(map(all, everyone)))
    steps.skip_to(rows[0], codes)
    for row in range(rows[0], rows[-1] + 1):
        steps.start_row(row, codes)
        steps.line.copy_(codes[:, row].t())
        row_numbers.copy_(uniform[:, row].t())
        done = 0
        with few_threads(known):
            if all(everyone[row]):
                fill_whole_row()
                done = len(line)
            else:
                for column in (column for column, place in enumerate(places[row]) if place):
                    drawn = choose(steps.advance(done, column + 1), params, numbers[column])
                    line[column].copy_(torch.where(unknown[:, row, column], drawn, line[column]))
                    done = column + 1
        codes[:, row] = steps.line.t()
        if row < rows[-1]:
            steps.finish_row(done)
    return codes
