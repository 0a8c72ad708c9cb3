"""Sampling in any order of the cells: with the whole network for each cell, and with caches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from scanvq.kernels.graph_replay import GraphReplay
from scanvq.kernels.thread_count import limited_threads
from scanvq.sampling.filters import choose
from scanvq.sampling.ordering import Ordering
from scanvq.sampling.uniforms import uniform_table
from scanvq.types import UNKNOWN, LevelWatch, SamplingParams, Stepper


class OrderedStepper(Stepper):
    """A stepper in any order. A sampler may also advance one position at a time, by `advance_at_position`.

    Subclasses compute logits; this class stores the codes and the number of computed positions.

    Args:
        ordering: of the cells.
        batch: B.

    Attributes:
        ordering: as given.
        codes: (n, B) in the order, UNKNOWN where none is set.
        position: (1,), input of `advance_at_position`, set by the caller.
        done: number of computed positions, updated by the caller of `advance` or `advance_at_position`.
    """

    def __init__(self, ordering: Ordering, batch: int) -> None:
        self.ordering = ordering
        self.cells = tuple(ordering.cells.tolist())
        self.codes = ordering.cells.new_full((len(self.cells), batch), UNKNOWN)
        self.position = ordering.cells.new_zeros(1)
        self.done = 0
        self._position_of = {cell: position for position, cell in enumerate(self.cells)}

    def logits(self, cell: int) -> Tensor:
        position = self._position_of[cell]
        if position < self.done:
            raise ValueError(f"cell {cell} was already computed; take cells in order, each once")
        logits = self.advance(self.done, position + 1)
        self.done = position + 1
        return logits

    def set(self, cell: int, codes: Tensor) -> None:
        self.codes[self._position_of[cell]] = codes

    @abstractmethod
    def advance(self, start: int, stop: int) -> Tensor:
        """Computes positions start to stop - 1, all but the last set: logits (B, K) of the last."""

    @abstractmethod
    def advance_at_position(self) -> Tensor:
        """Computes `position` (above 0) with the same kernels at every position (see `GraphReplay`)."""


def sample_ordered(
    logits_of: Callable[[Tensor], Tensor],
    known: Tensor,
    *,
    ordering: Ordering,
    params: SamplingParams,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Samples UNKNOWN cells in an order, with the whole network for each cell: the reference.

    Args:
        logits_of: codes (B, h, w) to logits (B, K, h, w); cells not yet sampled hold 0.
        known: (B, h, w), UNKNOWN where a code is to be sampled.
        ordering: of the cells of this grid.
        params: sampling parameters.
        generator: source of randomness, see `uniform_table`.

    Returns:
        Codes (B, h, w); known codes unchanged.
    """
    uniform = uniform_table(known, generator).flatten(1)
    unknown = (known == UNKNOWN).flatten(1)
    codes = known.clamp(min=0)
    flat = codes.view(len(codes), -1)
    for cell in ordering.cells.tolist():
        if unknown[:, cell].any():
            sampled = choose(logits_of(codes).flatten(2)[:, :, cell], params, uniform[:, cell])
            flat[:, cell] = torch.where(unknown[:, cell], sampled, flat[:, cell])
    return codes


def sample_ordered_cached(
    stepper: OrderedStepper,
    known: Tensor,
    *,
    params: SamplingParams,
    generator: torch.Generator | None = None,
    watch: LevelWatch | None = None,
) -> Tensor:
    """Samples UNKNOWN cells in the order of a stepper, with caches.

    The codes are those of `sample_ordered`, with the same random numbers for each cell. Adjacent known cells
    are computed in a single pass; those after the last UNKNOWN cell are skipped. `watch` is called after as
    many sampled cells as a row has.
    """
    ordering = stepper.ordering
    uniform = ordering.sequence(uniform_table(known, generator)).t().contiguous()  # (n, B)
    codes = stepper.codes
    codes.copy_(ordering.sequence(known).t())
    unknown = codes == UNKNOWN
    unknown_in_all = unknown.all(dim=1).tolist()
    positions = unknown.any(dim=1).nonzero().flatten().tolist()

    def fill_position() -> None:
        sampled = choose(stepper.advance_at_position(), params, uniform.index_select(0, stepper.position)[0])
        found = codes.index_select(0, stepper.position)
        kept = torch.where(unknown.index_select(0, stepper.position), sampled, found)  # (1, B)
        codes.index_copy_(0, stepper.position, kept)

    replay = GraphReplay(fill_position, known.device, calls=len(positions))
    with limited_threads(known):
        for number, position in enumerate(positions):
            if watch is not None and number and number % known.shape[2] == 0:
                watch(ordering.grid(codes.t()))
            if replay.can_capture and 0 < position == stepper.done:
                stepper.position.fill_(position)
                replay()
                stepper.done = position + 1
            else:
                cell = stepper.cells[position]
                sampled = choose(stepper.logits(cell), params, uniform[position])
                if not unknown_in_all[position]:
                    sampled = torch.where(unknown[position], sampled, codes[position])
                stepper.set(cell, sampled)
    return ordering.grid(codes.t())
