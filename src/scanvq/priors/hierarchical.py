"""Hierarchical prior over all levels of codes, each conditional on all coarser levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.priors.global_code import GlobalCode
from scanvq.sampling.uniforms import generator_of_level
from scanvq.spec import Derived
from scanvq.types import CodePrior, Codes, LevelWatch, LikelihoodPrior, SamplingParams, Watch


class HierarchicalPrior(nn.Module):
    """p(codes) = p(first) p(second | first) p(third | first, second) ..., coarse to fine.

    VQ-VAE-2, arXiv 1906.00446, section 3.2.

    With a global code g, which is a function of the codes, it is p(g) times the same given g.

    Args:
        levels: a prior for each level, coarse to fine.
        global_code: of the whole image; its conditions are among those of every level. None = none.

    Raises:
        ValueError: no levels.
    """

    def __init__(self, *, levels: list[CodePrior], global_code: Derived[GlobalCode | None] = None) -> None:
        super().__init__()
        self.global_code = global_code
        if not levels:
            raise ValueError("levels is empty; a hierarchical prior needs at least one level")
        self.levels = nn.ModuleList(levels)

    @property
    def priors(self) -> tuple[CodePrior, ...]:
        """The priors of the levels, coarse to fine."""
        return tuple(level for level in self.levels if isinstance(level, CodePrior))

    @property
    def conditions(self) -> ConditionSpace:
        """The conditions of all levels, global codes among them; empty for an unconditional prior."""
        return self.priors[0].conditions

    @property
    def supports_guidance(self) -> bool:
        """Whether it has conditions, and every level can be guided towards them."""
        return bool(self.conditions.names) and all(level.supports_guidance for level in self.priors)

    @property
    def supports_top_p(self) -> bool:
        """Whether every level takes top-k and top-p."""
        return all(level.supports_top_p for level in self.priors)

    @property
    def has_likelihood(self) -> bool:
        """Whether every level has an exact likelihood."""
        return all(isinstance(level, LikelihoodPrior) for level in self.levels)

    @property
    def can_inpaint(self) -> bool:
        """Whether every level can sample a region of the grid given the other codes."""
        return all(level.inpainting_support != "nothing" for level in self.priors)

    def set_codebook(self, codebooks: Sequence[Tensor]) -> None:
        """Sets the codebook (K, D) of each level."""
        for level, codebook in zip(self.priors, codebooks, strict=True):
            level.set_codebook(codebook)

    def sample(
        self,
        known: Codes,
        condition: Condition | None = None,
        *,
        params: SamplingParams,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        watch: Watch | None = None,
    ) -> Codes:
        """Samples every UNKNOWN cell of every level, coarse to fine.

        Args:
            known: codes (B, h, w) of each level; known codes are returned unchanged.
            condition: requested values; None = all absent. Global codes that are not named are those of the
                known cells.
            params: sampling parameters of all levels.
            generator: a single generator for all levels, or a generator per level (`level_generators`), so
                that sampling in chunks gives the samples of a single large batch.
            watch: called with the codes of all levels so far.
        """
        self._check(known)
        condition = self.with_global_code(known, condition)
        codes: list[Tensor] = []
        for number, level in enumerate(self.priors):
            later = known[number + 1 :]
            watch_level: LevelWatch | None = None
            if watch is not None:
                watch_level = partial(_watched, watch, tuple(codes), later)
            sampled = level.sample(
                known[number],
                context=tuple(codes),
                condition=condition,
                params=params,
                generator=generator_of_level(generator, number),
                watch=watch_level,
            )
            codes.append(sampled)
        return tuple(codes)

    def logits(self, codes: Codes, condition: Condition | None = None) -> tuple[Tensor, ...]:
        """Logits (B, K, h, w) of each level. Global codes that are not named are those of the codes.

        Raises:
            TypeError: a level has no likelihood.
        """
        self._check(codes)
        condition = self.with_global_code(codes, condition)
        found = []
        for number, level in enumerate(self.priors):
            if not isinstance(level, LikelihoodPrior):
                raise TypeError(
                    f"level {number} is a {type(level).__name__}, which has no likelihood; use an "
                    "autoregressive prior"
                )
            found.append(level.logits(codes[number], context=codes[:number], condition=condition))
        return tuple(found)

    def bits(self, codes: Codes, condition: Condition | None = None) -> Tensor:
        """-log2 p(codes) of each image over all levels and the global code, (B,) float64, differentiable."""
        total = codes[0].new_zeros(codes[0].shape[0], dtype=torch.float64)
        if self.global_code is not None:
            total = total + self.global_code.bits(self.global_code.assign(codes))
        for level in self.cell_bits(codes, condition):
            total = total + level.sum(dim=(1, 2))
        return total

    def cell_bits(self, codes: Codes, condition: Condition | None = None) -> Codes:
        """-log2 p(code) of each cell given earlier cells and the global code, (B, h, w) float64 each."""
        found = []
        for level_logits, level_codes in zip(self.logits(codes, condition), codes, strict=True):
            nats = F.cross_entropy(level_logits.float(), level_codes, reduction="none")  # (B, h, w)
            found.append(nats.double() / math.log(2))
        return tuple(found)

    def with_global_code(self, codes: Codes, condition: Condition | None = None) -> Condition | None:
        """A condition with the global codes of `codes` (B, h, w) of each level, unless it names them."""
        if self.global_code is None:
            return condition
        given = condition or Condition()
        missing = {
            name: value
            for name, value in self.global_code.assign(codes).categories.items()
            if name not in given.names
        }
        return Condition(categories={**given.categories, **missing}, numbers=given.numbers)

    def _check(self, codes: Codes) -> None:
        if len(codes) != len(self.levels):
            raise ValueError(f"codes have {len(codes)} levels; this prior has {len(self.levels)}")


def _watched(watch: Watch, coarser: Codes, later: Codes, codes: Tensor) -> None:
    watch((*coarser, codes, *later))
