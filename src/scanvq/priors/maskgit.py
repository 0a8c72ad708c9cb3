"""MaskGIT: a transformer that fills masked codes, many at a time, seeing all known ones."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.nn.condition_embedding import ConditionEmbedding, embedding_of
from scanvq.nn.transformer_block import TransformerBlock
from scanvq.priors.grid_size import check_grid
from scanvq.priors.guidance import check_guidance, guided, unguided
from scanvq.priors.masked_prior import MaskedPrior
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.sampling.masked import fill_by_confidence, fill_by_halton
from scanvq.spec import Derived
from scanvq.types import UNKNOWN, Codes, SamplingParams

_SPREAD = 0.1  # standard deviation of embeddings at the start, that of the learned positions


class MaskGIT(MaskedPrior):
    """MaskGIT (Chang et al. 2022, arXiv 2202.04200), a bidirectional transformer over the code grid.

    ```
    codes, mask token where UNKNOWN ─ embed ─┐
    rows + columns, coarser levels ─ map ──── + ─ [attention, feed-forward] x n ─ norm ─ linear ─▶ logits
    conditions ─ embed ──────────────────────┘
    ```

    It learns p(a masked cell | the cells that are not) for every choice of masked cells, and so completes
    any region with all known codes in sight. It has no exact likelihood. Other than in the paper, norms come
    first, and the conditions and the places of row and column are added to every cell, not one more token.

    Args:
        channels: width of the network, a multiple of `heads`.
        layers: transformer blocks.
        heads: attention heads of each.
        hidden: width of the feed-forward networks; 0 = four times `channels`.
        dropout: share of features dropped in training, in [0, 1).
        steps: a sample is filled in at most so many steps, never more than it has unknown codes.
        order: which cells come first: "halton", evenly spread over the grid (arXiv 2503.17076), or
            "confidence", those the network is sure of.
        choice_temperature: of the noise on the confidences at the first step; 0 = none. "halton" has no use
            for it.
        codebook_size: K.
        conditions: those that it learns, any of which may be absent; none = unconditional.
        context_sizes: codebook sizes of the coarser levels, coarse to fine; () = none.
        height: rows of the code grid.
        width: columns of the code grid.

    Raises:
        ValueError: an argument out of its range.
    """

    def __init__(
        self,
        *,
        channels: int = 256,
        layers: int = 6,
        heads: int = 8,
        hidden: int = 0,
        dropout: float = 0.1,
        steps: int = 12,
        order: Literal["confidence", "halton"] = "halton",
        choice_temperature: float = 4.5,
        codebook_size: Derived[int],
        conditions: Derived[ConditionSpace] = NO_CONDITIONS,
        context_sizes: Derived[tuple[int, ...]] = (),
        height: Derived[int],
        width: Derived[int],
    ) -> None:
        super().__init__()
        for name, value in {"channels": channels, "layers": layers, "heads": heads, "steps": steps}.items():
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be 1 or more")
        if channels % heads:
            raise ValueError(f"channels is {channels}; it must be a multiple of heads, {heads}")
        if hidden < 0:
            raise ValueError(f"hidden is {hidden}; it must be 0 (four times channels) or more")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1")
        if not choice_temperature >= 0:
            raise ValueError(f"choice_temperature is {choice_temperature}; it must be 0 or more")
        self.codebook_size = codebook_size
        self.conditions = conditions
        self.context_sizes = context_sizes
        self.shape = (height, width)
        self.steps = steps
        self.order = order
        self.choice_temperature = choice_temperature
        self.dropout = dropout
        self.embedding = nn.Embedding(codebook_size + 1, channels)  # one more: the mask token
        self.condition_embedding = embedding_of(conditions, channels)
        self.spatial = SpatialCondition(dim=channels, grid=(height, width), context_sizes=context_sizes)
        self.blocks = nn.ModuleList(
            TransformerBlock(channels, heads=heads, hidden=hidden, causal=False, dropout=dropout)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.last = nn.Linear(channels, codebook_size)
        self._start()

    def logits(self, codes: Tensor, *, context: Codes = (), condition: Condition | None = None) -> Tensor:
        """Codes (B, h, w), UNKNOWN where masked, to logits (B, K, h, w), meant for masked cells.

        Conditions that the prior was not made for are ignored; an absent one means any value.

        Raises:
            ValueError: a grid of another size, or not the codes of every coarser level.
        """
        height, width = codes.shape[-2:]
        check_grid(codes, self.shape)
        self._check_context(context)
        features = self.embedding(torch.where(codes == UNKNOWN, self.codebook_size, codes))  # (B, h, w, C)
        features = features + self.spatial(height, width, context).permute(0, 2, 3, 1)
        if self.condition_embedding is not None:
            features = features + self.condition_embedding(condition, len(codes))[:, None, None]
        features = F.dropout(features.flatten(1, 2), self.dropout, self.training)  # (B, N, C)
        for block in self.blocks:
            features = block(features)
        logits = self.last(self.norm(features))  # (B, N, K)
        return logits.transpose(1, 2).unflatten(2, (height, width))

    def _fill(
        self,
        known: Tensor,
        *,
        context: Codes,
        condition: Condition | None,
        params: SamplingParams,
        generator: torch.Generator | None,
    ) -> Tensor:
        """In a few steps, all known codes in sight.

        `params.temperature` 0 takes the most likely code of each cell; the order of the cells stays random.

        Raises:
            ValueError: guidance without a condition, or a grid of another size.
        """
        check_guidance(params, condition, self.conditions)

        def logits_of(codes: Tensor) -> Tensor:
            return self._guided(codes, context, condition, params)

        if self.order == "halton":
            return fill_by_halton(logits_of, known, steps=self.steps, params=params, generator=generator)
        return fill_by_confidence(
            logits_of,
            known,
            steps=self.steps,
            choice_temperature=self.choice_temperature,
            params=params,
            generator=generator,
        )

    def _guided(
        self, codes: Tensor, context: Codes, condition: Condition | None, params: SamplingParams
    ) -> Tensor:
        logits = self.logits(codes, context=context, condition=condition)
        if params.guidance == 1:
            return logits
        without = self.logits(codes, context=context, condition=unguided(condition, params))
        return guided(logits, without, params.guidance)

    def _start(self) -> None:
        """Small weights, those that end a branch smaller the more branches add up (GPT-2, section 2.3)."""
        branches = 2 * len(self.blocks)
        for name, part in self.named_modules():
            if name.startswith("condition_embedding."):
                continue
            if isinstance(part, ConditionEmbedding):
                part.reset(_SPREAD)
            elif isinstance(part, nn.Embedding):
                nn.init.normal_(part.weight, 0, _SPREAD)
            elif isinstance(part, nn.Linear):
                ends = name.endswith("_out")
                nn.init.trunc_normal_(part.weight, std=0.02 / math.sqrt(branches) if ends else 0.02)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
