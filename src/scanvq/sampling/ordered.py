"""Sampling in any order of the cells: the plain way, and the way that computes only what is new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from scanvq.kernels.graph_replay import Replayed
from scanvq.kernels.thread_count import few_threads
from scanvq.sampling.filters import choose
from scanvq.sampling.ordering import Ordering
from scanvq.sampling.uniforms import uniform_table
from scanvq.types import UNKNOWN, SamplingParams


class OrderedSteps(Protocol):
    """A network that can go through a sequence of cells, keeping what later ones need."""

    codes: Tensor
    """Codes (n, B) in the order. The sampler writes each cell here once it is known."""

    place: Tensor
    """The place (1,) that `advance_at_place` goes through. The sampler writes it."""

    def advance(self, start: int, stop: int) -> Tensor:
        """Goes through places start to stop - 1, all but the last known: logits (B, K) of the last."""

    def advance_at_place(self) -> Tensor:
        """The same for the one `place`, not the first, with equal work at every place: see `Replayed`."""


def sample_ordered(
    logits_of: Callable[[Tensor], Tensor],
    known: Tensor,
    *,
    ordering: Ordering,
    params: SamplingParams,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fills UNKNOWN cells in an order, running the whole network for each: the reference.

    Args:
        logits_of: codes (B, h, w) to logits (B, K, h, w); cells not yet drawn hold 0.
        known: (B, h, w), UNKNOWN where a code is to be drawn.
        ordering: of the cells of this grid.
        params: how a code is drawn.
        generator: where the randomness comes from, see `uniform_table`.

    Returns:
        Codes (B, h, w); known codes unchanged.
    """
    uniform = uniform_table(known, generator).flatten(1)
    unknown = (known == UNKNOWN).flatten(1)
    codes = known.clamp(min=0)
    flat = codes.view(len(codes), -1)
    for cell in ordering.cells.tolist():
        if unknown[:, cell].any():
            drawn = choose(logits_of(codes).flatten(2)[:, :, cell], params, uniform[:, cell])
            flat[:, cell] = torch.where(unknown[:, cell], drawn, flat[:, cell])
    return codes


def sample_ordered_cached(
    steps: OrderedSteps,
    known: Tensor,
    *,
    ordering: Ordering,
    params: SamplingParams,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fills UNKNOWN cells in an order from a network's caches.

    Gives the codes of `sample_ordered`, equal random numbers for equal cells. Cells before the first UNKNOWN
    are one pass, as is every run of known cells after it; those behind the last are left out.
    """
    uniform = ordering.sequence(uniform_table(known, generator)).t().contiguous()  # (n, B)
    codes = steps.codes
    codes.copy_(ordering.sequence(known).t())
    unknown = codes == UNKNOWN
    everyone = unknown.all(dim=1).tolist()
    places = unknown.any(dim=1).nonzero().flatten().tolist()

    def fill_place() -> None:
        drawn = choose(steps.advance_at_place(), params, uniform.index_select(0, steps.place)[0])
        found = codes.index_select(0, steps.place)
        kept = torch.where(unknown.index_select(0, steps.place), drawn, found)  # (1, B)
        codes.index_copy_(0, steps.place, kept)

    fill_place_again = Replayed(fill_place, known.device, times=len(places))
    done = 0
    with few_threads(known):
        for place in places:
            if fill_place_again.recordable and 0 < place == done:
                steps.place.fill_(place)
                fill_place_again()
            else:
                drawn = choose(steps.advance(done, place + 1), params, uniform[place])
                if not everyone[place]:
                    drawn = torch.where(unknown[place], drawn, codes[place])
                codes[place] = drawn
            done = place + 1
    return ordering.grid(codes.t())
