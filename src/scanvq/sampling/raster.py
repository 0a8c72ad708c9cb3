"""Sampling in raster order: the plain way, and the way that computes only what is new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from scanvq.sampling.filters import choose
from scanvq.sampling.ordered import sample_ordered
from scanvq.sampling.ordering import Ordering
from scanvq.sampling.threads import few_threads
from scanvq.sampling.uniforms import uniform_table
from scanvq.types import UNKNOWN, Draw


class RasterSteps(Protocol):
    """A network that can go through a grid cell by cell, keeping what later cells need."""

    line: Tensor
    """Codes (w, B) of the row at hand. The sampler writes each cell here once it is known."""

    def skip_to(self, row: int, codes: Tensor) -> None:
        """Prepares for `row` as the first; all rows of `codes` (B, h, w) above it are known."""

    def start_row(self, row: int, codes: Tensor) -> None:
        """Computes what `row` needs of the rows above, which are all known. Called for row after row."""

    def advance(self, start: int, stop: int) -> Tensor:
        """Goes through cells start to stop - 1, all but the last known: logits (B, K) of the last."""


def sample_raster(
    logits_of: Callable[[Tensor], Tensor],
    known: Tensor,
    *,
    draw: Draw,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fills UNKNOWN cells in raster order, running the whole network for each: see `sample_ordered`."""
    ordering = Ordering("raster", *known.shape[1:])
    return sample_ordered(logits_of, known, ordering=ordering, draw=draw, generator=generator)


def sample_raster_cached(
    steps: RasterSteps,
    known: Tensor,
    *,
    draw: Draw,
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
    cells = steps.line.unbind(0)
    everyone = unknown.all(dim=0).tolist()
    steps.skip_to(rows[0], codes)
    for row in range(rows[0], rows[-1] + 1):
        steps.start_row(row, codes)
        steps.line.copy_(codes[:, row].t())
        done = 0
        numbers = uniform[:, row].t().contiguous().unbind(0)  # (B,) each
        with few_threads(known):
            for column in (column for column, place in enumerate(places[row]) if place):
                drawn = choose(steps.advance(done, column + 1), draw, numbers[column])
                if not everyone[row][column]:
                    drawn = torch.where(unknown[:, row, column], drawn, cells[column])
                cells[column].copy_(drawn)
                done = column + 1
        codes[:, row] = steps.line.t()
    return codes
