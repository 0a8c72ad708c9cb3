"""Masked sampling: many cells in each step, with a pass of the whole network for each step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from scanvq.sampling.filters import choose
from scanvq.sampling.halton import halton_order
from scanvq.sampling.uniforms import uniform_table
from scanvq.types import UNKNOWN, LevelWatch, SamplingParams

Logits = Callable[[Tensor], Tensor]
"""Codes (B, h, w) with UNKNOWN cells to logits (B, K, h, w) of every cell."""

_SMALLEST = 2**-54  # below every step of a float64 uniform number, above zero


def filled_after(unknown: int, steps: int) -> list[int]:
    """Number of filled cells after each step: MaskGIT's cosine schedule (arXiv 2202.04200, 3.2 and 3.3).

    After step t of T, floor(n cos(pi t / 2T)) of n cells are still masked (rounded as in the published code).
    Every step fills at least a cell, so there are never more steps than cells; the last step fills the rest.

    Args:
        unknown: n, number of cells to fill.
        steps: maximum number of steps, 1 or more.

    Returns:
        min(steps, n) increasing numbers, the last is n.
    """
    steps = min(steps, unknown)
    filled: list[int] = []
    for step in range(1, steps + 1):
        scheduled = unknown - math.floor(unknown * math.cos(math.pi / 2 * step / steps))
        least = (filled[-1] if filled else 0) + 1
        filled.append(min(max(scheduled, least), unknown - (steps - step)))
    return filled


def fill_by_halton(
    logits_of: Logits,
    known: Tensor,
    *,
    steps: int,
    params: SamplingParams,
    generator: torch.Generator | None = None,
    watch: LevelWatch | None = None,
) -> Tensor:
    """Samples UNKNOWN cells in Halton order (arXiv 2503.17076): the cells of a step are far apart.

    Each sample starts at a random position of the order, cyclically. Each cell is sampled once, with a
    uniform number of this cell.

    Args:
        logits_of: the network.
        known: (B, h, w), UNKNOWN where a code is to be sampled.
        steps: maximum number of steps, see `filled_after`.
        params: sampling parameters.
        generator: source of randomness, see `uniform_table`.
        watch: called after each step.

    Returns:
        Codes (B, h, w); known codes unchanged.
    """
    batch, height, width = known.shape
    cells = height * width
    numbers = uniform_table(known.new_empty(batch, cells + 1), generator)
    uniform, start = numbers[:, :cells], (numbers[:, cells:] * cells).long()  # (B, N), (B, 1)
    unknown = known.flatten(1) == UNKNOWN
    position = halton_order(height, width).to(known.device).argsort()  # (N,), of every cell in the order
    positions = ((position - start) % cells).masked_fill(~unknown, cells)  # (B, N), known cells last
    rank = _rank(positions)
    codes = known.flatten(1).clone()
    for filled in _filled_after_each(unknown, steps):
        selected = (codes == UNKNOWN) & (rank < filled)
        logits = _rows(logits_of(codes.view_as(known)))
        codes[selected] = choose(logits[selected], params, uniform[selected])
        if watch is not None:
            watch(codes.view_as(known).clone())
    return codes.view_as(known)


def fill_by_confidence(
    logits_of: Logits,
    known: Tensor,
    *,
    steps: int,
    choice_temperature: float,
    params: SamplingParams,
    generator: torch.Generator | None = None,
    watch: LevelWatch | None = None,
) -> Tensor:
    """Samples UNKNOWN cells by confidence, as MaskGIT (arXiv 2202.04200, section 3.2) and its published code.

    Each step samples a code for every remaining cell, with a uniform number of the cell and step, and keeps
    the sampled codes of highest confidence: the logarithm of the network's probability of the sampled code,
    before temperature, top-k and top-p, plus Gumbel noise that falls linearly to zero at the last step.

    Args:
        logits_of: the network.
        known: (B, h, w), UNKNOWN where a code is to be sampled.
        steps: at most so many, see `filled_after`.
        choice_temperature: of the Gumbel noise at the beginning.
        params: how a code is sampled.
        generator: where the randomness comes from, see `uniform_table`.
        watch: called after each step.

    Returns:
        Codes (B, h, w); known codes unchanged.
    """
    batch, cells = known.shape[0], known[0].numel()
    numbers = uniform_table(known.new_empty(batch, steps, 2, cells), generator)
    codes = known.flatten(1).clone()
    counts = (codes == UNKNOWN).sum(dim=1)
    sample_steps = counts.clamp(1, steps)  # (B,)
    for step, filled in enumerate(_filled_after_each(codes == UNKNOWN, steps)):
        left = codes == UNKNOWN
        logits = _rows(logits_of(codes.view_as(known)))[left].double()  # (cells left, K)
        sampled = choose(logits, params, numbers[:, step, 0][left])
        confidence = logits.log_softmax(dim=1).gather(1, sampled[:, None])[:, 0]
        noise = -(-numbers[:, step, 1].clamp(min=_SMALLEST).log()).log()  # (B, N), Gumbel
        strength = choice_temperature * (1 - (step + 1) / sample_steps).clamp(min=0)  # (B,)
        scores = torch.full_like(noise, -math.inf)
        scores[left] = confidence + (strength[:, None] * noise)[left]
        already = counts - left.sum(dim=1)
        kept = left & (_rank(-scores) < filled - already[:, None])
        proposed = codes.clone()
        proposed[left] = sampled
        codes = torch.where(kept, proposed, codes)
        if watch is not None:
            watch(codes.view_as(known).clone())
    return codes.view_as(known)


def _rows(logits: Tensor) -> Tensor:
    """(B, K, h, w) as (B, N, K)."""
    return logits.flatten(2).transpose(1, 2)


def _rank(values: Tensor) -> Tensor:
    """The rank (B, N) of each value in the row, ascending and stable."""
    return values.argsort(dim=1, stable=True).argsort(dim=1)


def _filled_after_each(unknown: Tensor, steps: int) -> list[Tensor]:
    """`filled_after` of every sample (B, 1) for each step; finished samples repeat the last count."""
    schedules = [filled_after(count, steps) for count in unknown.sum(dim=1).tolist()]
    longest = max((len(schedule) for schedule in schedules), default=0)
    padded = [
        schedule + [schedule[-1] if schedule else 0] * (longest - len(schedule)) for schedule in schedules
    ]
    return [
        torch.tensor([schedule[step] for schedule in padded], device=unknown.device)[:, None]
        for step in range(longest)
    ]
