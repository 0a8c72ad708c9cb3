"""Sampling in any order of the cells: the plain way, and the way that computes only what is new."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from scanvq.kernels.graph_replay import Replayed
from scanvq.kernels.thread_count import few_threads
from scanvq.sampling.filters import choose
from scanvq.sampling.ordering import Ordering
from scanvq.sampling.uniforms import uniform_table
from scanvq.types import UNKNOWN, SamplingParams, Stepper


class OrderedStepper(Stepper):
    """A stepper in any order. A sampler may also go on place by place, by `advance_at_place`.

    Subclasses compute; here stands which codes are set and how far the order was gone through.

    Args:
        ordering: of the cells.
        batch: B.

    Attributes:
        ordering: as given.
        codes: (n, B) in the order, UNKNOWN where none is set.
        place: (1,), the place that `advance_at_place` goes through. Who calls that writes it.
        done: how many places were gone through. Who calls `advance` or `advance_at_place` keeps it.
    """

    def __init__(self, ordering: Ordering, batch: int) -> None:
        self.ordering = ordering
        self.cells = tuple(ordering.cells.tolist())
        self.codes = ordering.cells.new_full((len(self.cells), batch), UNKNOWN)
        self.place = ordering.cells.new_zeros(1)
        self.done = 0
        self._place_of = {cell: place for place, cell in enumerate(self.cells)}

    def logits(self, cell: int) -> Tensor:
        place = self._place_of[cell]
        if place < self.done:
            raise ValueError(f"cell {cell} was gone through; ask for cells in order, each once")
        logits = self.advance(self.done, place + 1)
        self.done = place + 1
        return logits

    def set(self, cell: int, codes: Tensor) -> None:
        self.codes[self._place_of[cell]] = codes

    @abstractmethod
    def advance(self, start: int, stop: int) -> Tensor:
        """Goes through places start to stop - 1, all but the last set: logits (B, K) of the last."""

    @abstractmethod
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
    stepper: OrderedStepper,
    known: Tensor,
    *,
    params: SamplingParams,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fills UNKNOWN cells in a network's order from its caches.

    Gives the codes of `sample_ordered`, equal random numbers for equal cells. Cells before the first UNKNOWN
    are one pass, as is every run of known cells after it; those behind the last are left out.
    """
    ordering = stepper.ordering
    uniform = ordering.sequence(uniform_table(known, generator)).t().contiguous()  # (n, B)
    codes = stepper.codes
    codes.copy_(ordering.sequence(known).t())
    unknown = codes == UNKNOWN
    everyone = unknown.all(dim=1).tolist()
    places = unknown.any(dim=1).nonzero().flatten().tolist()

    def fill_place() -> None:
        drawn = choose(stepper.advance_at_place(), params, uniform.index_select(0, stepper.place)[0])
        found = codes.index_select(0, stepper.place)
        kept = torch.where(unknown.index_select(0, stepper.place), drawn, found)  # (1, B)
        codes.index_copy_(0, stepper.place, kept)

    fill_place_again = Replayed(fill_place, known.device, times=len(places))
    with few_threads(known):
        for place in places:
            if fill_place_again.recordable and 0 < place == stepper.done:
                stepper.place.fill_(place)
                fill_place_again()
                stepper.done = place + 1
            else:
                cell = stepper.cells[place]
                drawn = choose(stepper.logits(cell), params, uniform[place])
                if not everyone[place]:
                    drawn = torch.where(unknown[place], drawn, codes[place])
                stepper.set(cell, drawn)
    return ordering.grid(codes.t())
