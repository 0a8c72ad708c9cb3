"""Random numbers of samples: a uniform number for each cell, generated before sampling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_STRIDE = 0x9E3779B97F4A7C15  # the golden ratio in 64 bits: streams of neighboring seeds do not overlap


def uniform_table(known: Tensor, generator: torch.Generator | None) -> Tensor:
    """Generates a number in [0, 1) for every cell of every sample, known or not.

    The number of a cell depends on the generator's seed, the number of samples generated before, and the
    cell, but not on the batch size or on the known cells. Sampling in chunks with a CPU generator therefore
    gives the samples of a single large batch. (A CUDA generator has a different order; use a CPU generator
    for matching chunks, also for networks on a GPU.)

    Args:
        known: (B, h, w), for its shape and device.
        generator: source of randomness; None = PyTorch's default CPU generator.

    Returns:
        (B, h, w) float64, on the device of `known`.
    """
    device = "cpu" if generator is None else generator.device
    table = torch.rand(known.shape, dtype=torch.float64, generator=generator, device=device)
    return table.to(known.device)


def level_generators(seed: int, levels: int) -> tuple[torch.Generator, ...]:
    """A CPU generator for each level, so that chunks match for several levels. The first is seeded `seed`."""
    seeds = [(seed + level * _STRIDE) % 2**63 for level in range(levels)]
    return tuple(torch.Generator().manual_seed(level_seed) for level_seed in seeds)


def generator_of_level(
    generator: torch.Generator | Sequence[torch.Generator] | None, level: int
) -> torch.Generator | None:
    """The generator of a level, from a sequence of generators or a shared generator."""
    return generator[level] if isinstance(generator, Sequence) else generator
