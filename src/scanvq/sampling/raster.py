"""Sampling in raster order: the plain way, and the way that computes only what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from scanvq.sampling.filters import choose
from scanvq.sampling.uniforms import uniform_table
from scanvq.types import UNKNOWN, Draw

_ONE_THREAD_BATCH = 16
"""Up to this batch a cell is too little work to share: waiting for the other threads costs more."""


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
    """Fills UNKNOWN cells in raster order, running the whole network for each: the reference.

    Args:
        logits_of: codes (B, h, w) to logits (B, K, h, w); cells not yet drawn hold 0.
        known: (B, h, w), UNKNOWN where a code is to be drawn.
        draw: how a code is drawn.
        generator: where the randomness comes from, see `uniform_table`.

    Returns:
        Codes (B, h, w); known codes unchanged.
    """
    uniform = uniform_table(known, generator)
    unknown = known == UNKNOWN
    codes = known.clamp(min=0)
    for row, column in unknown.any(dim=0).nonzero().tolist():
        drawn = choose(logits_of(codes)[:, :, row, column], draw, uniform[:, row, column])
        codes[:, row, column] = torch.where(unknown[:, row, column], drawn, known[:, row, column])
    return codes


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
        with _few_threads(known):
            for column in (column for column, place in enumerate(places[row]) if place):
                drawn = choose(steps.advance(done, column + 1), draw, numbers[column])
                if not everyone[row][column]:
                    drawn = torch.where(unknown[:, row, column], drawn, cells[column])
                cells[column].copy_(drawn)
                done = column + 1
        codes[:, row] = steps.line.t()
    return codes


@contextmanager
def _few_threads(known: Tensor) -> Iterator[None]:
    """One thread for small batches on the CPU; two that wait for each other are ten times slower."""
    threads = torch.get_num_threads()
    few = known.device.type == "cpu" and threads > 1 and known.shape[0] <= _ONE_THREAD_BATCH
    if few:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if few:
            torch.set_num_threads(threads)
