"""The random numbers of a sample: one for each cell, sampled before anything else."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_STRIDE = 0x9E3779B97F4A7C15  # the golden ratio in 64 bits: levels of neighboring seeds never meet


def uniform_table(known: Tensor, generator: torch.Generator | None) -> Tensor:
    """Samples a number in [0, 1) for every cell, known or not, sample after sample.

    A cell's number depends on the generator's seed, on how many samples of this grid the generator has served
    before, and on the cell: never on the batch size, nor on which cells are known. A run sampled in chunks
    from one CPU generator therefore gives the samples of one large batch. (A CUDA generator samples in an
    order of its own; give a CPU generator for chunks that match, also when the network is on a GPU.)

    Args:
        known: (B, h, w), for its shape and device.
        generator: where the randomness comes from; None = torch's own CPU generator.

    Returns:
        (B, h, w) float64, on the device of `known`.
    """
    device = "cpu" if generator is None else generator.device
    table = torch.rand(known.shape, dtype=torch.float64, generator=generator, device=device)
    return table.to(known.device)


def level_generators(seed: int, levels: int) -> tuple[torch.Generator, ...]:
    """One CPU generator a level, so that chunks match for several levels too. The first has `seed` itself."""
    seeds = [(seed + level * _STRIDE) % 2**63 for level in range(levels)]
    return tuple(torch.Generator().manual_seed(level_seed) for level_seed in seeds)


def generator_of_level(
    generator: torch.Generator | Sequence[torch.Generator] | None, level: int
) -> torch.Generator | None:
    """The generator of one level: its own of a sequence, or a single generator that all levels share."""
    return generator[level] if isinstance(generator, Sequence) else generator
