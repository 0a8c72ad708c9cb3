"""Restored images: improbable codes are sampled again from the prior, then decoded."""

from __future__ import annotations

import torch

from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.sampling.restoration import restore_improbable
from scanvq.sampling.uniforms import level_generators, uniform_table
from scanvq.types import Codes, LikelihoodPrior, SamplingParams

PARAMS = SamplingParams()
BATCH = 32  # grids at once; the result does not depend on it


@torch.inference_mode()
def restore_codes(
    prior: HierarchicalPrior, codes: Codes, *, above: float, count: int, seed: int, device: torch.device
) -> Codes:
    """`count` restorations of every image, see `restore_improbable`; of all levels, coarse to fine.

    Restorations of an image depend on the seed and its codes, not on the other images.

    Args:
        prior: with a likelihood, in evaluation mode, on `device`.
        codes: (n, h, w) for each level.
        above: bits of a code above which it is sampled again.
        count: restorations of an image.
        seed: of the samples; every image has the same random numbers.
        device: of the prior.

    Raises:
        TypeError: a level has no likelihood.

    Returns:
        (n * count, h, w) for each level on the CPU, all restorations of an image together.
    """
    images = max(1, BATCH // count)
    generators = level_generators(seed, len(codes))
    uniforms = [
        uniform_table(level[:1].expand(count, -1, -1), generator)
        for level, generator in zip(codes, generators, strict=True)
    ]
    parts: list[Codes] = []
    for start in range(0, len(codes[0]), images):
        given = [level[start : start + images].long() for level in codes]
        same = tuple(level.repeat_interleave(count, dim=0) for level in given)
        condition = prior.with_global_code(same)
        condition = None if condition is None else condition.to(device)
        restored: list[torch.Tensor] = []
        for level, known, numbers in zip(prior.priors, given, uniforms, strict=True):
            if not isinstance(level, LikelihoodPrior):
                raise TypeError(
                    f"a {type(level).__name__} has no likelihood, so no code is improbable under it"
                )
            repeated = known.repeat_interleave(count, dim=0).to(device)
            batch, height, width = repeated.shape
            restored.append(
                restore_improbable(
                    level.stepper((batch, height, width), context=tuple(restored), condition=condition),
                    repeated,
                    above=above,
                    params=PARAMS,
                    uniform=numbers.repeat(len(known), 1, 1).to(device),
                )
            )
        parts.append(tuple(level.cpu() for level in restored))
    return tuple(torch.cat([part[level] for part in parts]) for level in range(len(codes)))
