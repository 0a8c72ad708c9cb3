"""Distributed training of codebooks: sums over processes, and selection of rows of the global batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist

_SEED = 1711_00937


def is_distributed() -> bool:
    """Whether training is distributed over several processes."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes of a tensor, on every process."""
    if is_distributed():
        dist.all_reduce(tensor)
    return tensor


def row_offset(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(index of this process's first row, number of rows of all processes), int64 scalars."""
    if not is_distributed():
        return torch.tensor(0), torch.tensor(len(rows))
    counts = torch.zeros(dist.get_world_size(), dtype=torch.int64, device=rows.device)
    counts[dist.get_rank()] = len(rows)
    summed(counts)
    return counts[: dist.get_rank()].sum(), counts.sum()


def rows_at(rows: Tensor, indices: Tensor, first: Tensor) -> Tensor:
    """The rows with these indices among all processes' rows, on every process.

    Args:
        rows: this process's rows (N, ...).
        indices: (M,) int64, the same on every process.
        first: the index of this process's first row, from `row_offset`.

    Returns:
        (M, ...) fp32.
    """
    if len(rows) == 0:
        return summed(torch.zeros(len(indices), *rows.shape[1:], device=rows.device))
    local = indices - first
    held = (local >= 0) & (local < len(rows))
    picked = rows[local.clamp(0, len(rows) - 1)].float()
    return summed(picked * held.view(-1, *[1] * (rows.ndim - 1)))


def generator_at(step: int) -> torch.Generator:
    """A random generator seeded by the step: equal on every process, and after a resume."""
    return torch.Generator().manual_seed(_SEED + step)


def initial_rows(rows: Tensor, count: int) -> Tensor | None:
    """Random rows to initialize a codebook from data, distinct if the batch has enough rows.

    With fewer rows than codes, rows repeat; of equal codes only the first is ever used.

    Args:
        rows: this process's rows (N, D) of the first training batch.
        count: K.

    Returns:
        (K, D), or None if the batch of all processes is empty.

    Raises:
        FloatingPointError: the rows hold NaN or infinity.
    """
    first, total = row_offset(rows)
    row_count = int(total)
    if row_count == 0:
        return None
    order = torch.randperm(row_count, generator=generator_at(0))
    indices = order.repeat(-(-count // row_count))[:count].to(rows.device)
    initial = rows_at(rows, indices, first.to(rows.device))
    check_finite(initial)
    return initial


def check_finite(statistics: Tensor) -> None:
    """Raises FloatingPointError before NaN or infinity gets into a codebook."""
    if not torch.isfinite(statistics).all():
        raise FloatingPointError(
            "the encoder's features hold NaN or infinity, so the codebook was not updated. "
            "Lower the learning rate, or train in fp32."
        )
