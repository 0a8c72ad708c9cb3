"""A prior over all levels of codes: each level given all coarser ones, one level being a list of one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.sampling.uniforms import generator_of_level
from scanvq.types import CodePrior, Codes, LikelihoodPrior, SamplingParams


class HierarchicalPrior(nn.Module):
    """p(codes) = p(first) p(second | first) p(third | first, second) ..., coarse to fine.

    VQ-VAE-2, arXiv 1906.00446, section 3.2.

    Args:
        levels: one prior a level, coarse to fine.

    Raises:
        ValueError: there is no level.
    """

    def __init__(self, *, levels: list[CodePrior]) -> None:
        super().__init__()
        if not levels:
            raise ValueError("a pyramid needs at least one level")
        self.levels = nn.ModuleList(levels)

    @property
    def priors(self) -> tuple[CodePrior, ...]:
        """The levels, coarse to fine."""
        return tuple(level for level in self.levels if isinstance(level, CodePrior))

    @property
    def conditions(self) -> ConditionSpace:
        """Those that the levels were made for, which is the same for all; none for an unconditional prior."""
        return self.priors[0].conditions

    @property
    def has_likelihood(self) -> bool:
        """Whether every level has an exact likelihood, and so the whole has."""
        return all(isinstance(level, LikelihoodPrior) for level in self.levels)

    @property
    def can_inpaint(self) -> bool:
        """Whether every level can fill a region of its grid given the rest."""
        return all(level.inpainting_support != "nothing" for level in self.priors)

    def set_codebook(self, codebooks: Sequence[Tensor]) -> None:
        """Tells each level the vectors (K, D) of its codes."""
        for level, codebook in zip(self.priors, codebooks, strict=True):
            level.set_codebook(codebook)

    def sample(
        self,
        known: Codes,
        condition: Condition | None = None,
        *,
        params: SamplingParams,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> Codes:
        """Fills every UNKNOWN cell of every level, coarse to fine.

        Args:
            known: codes a level, each (B, h, w); known ones come back unchanged.
            condition: what is asked for.
            params: how a code is drawn, on all levels.
            generator: one for all levels in turn, or one a level (`level_generators`), which makes a run in
                chunks give the samples of one large batch.
        """
        self._check(known)
        codes: list[Tensor] = []
        for number, level in enumerate(self.priors):
            drawn = level.sample(
                known[number],
                context=tuple(codes),
                condition=condition,
                params=params,
                generator=generator_of_level(generator, number),
            )
            codes.append(drawn)
        return tuple(codes)

    def logits(self, codes: Codes, condition: Condition | None = None) -> tuple[Tensor, ...]:
        """Logits (B, K, h, w) of each level.

        Raises:
            TypeError: a level has no likelihood.
        """
        self._check(codes)
        found = []
        for number, level in enumerate(self.priors):
            if not isinstance(level, LikelihoodPrior):
                raise TypeError(f"level {number} is a {type(level).__name__}, which has no likelihood")
            found.append(level.logits(codes[number], context=codes[:number], condition=condition))
        return tuple(found)

    def bits(self, codes: Codes, condition: Condition | None = None) -> Tensor:
        """-log2 p(codes): the bits of each image over all levels, (B,) float64, with a gradient."""
        total = codes[0].new_zeros(codes[0].shape[0], dtype=torch.float64)
        for level_logits, level_codes in zip(self.logits(codes, condition), codes, strict=True):
            nats = F.cross_entropy(level_logits.float(), level_codes, reduction="none")  # (B, h, w)
            total = total + nats.double().sum(dim=(1, 2)) / math.log(2)
        return total

    def _check(self, codes: Codes) -> None:
        if len(codes) != len(self.levels):
            raise ValueError(f"got codes of {len(codes)} levels; this prior has {len(self.levels)}")
