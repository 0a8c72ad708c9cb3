"""MaskGIT: a bidirectional transformer that samples masked codes in parallel."""

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
from scanvq.types import UNKNOWN, Codes, LevelWatch, SamplingParams

_SPREAD = 0.1  # initial standard deviation of embeddings, equal to that of the learned positions


class MaskGIT(MaskedPrior):
    """MaskGIT (Chang et al. 2022, arXiv 2202.04200), a bidirectional transformer over the code grid.

    ```
    codes, mask token where UNKNOWN ─ embed ─┐
    rows + columns, coarser levels ─ map ──── + ─ [attention, feed-forward] x n ─ norm ─ linear ─▶ logits
    conditions ─ embed ──────────────────────┘
    ```

    It learns p(masked code | unmasked codes) for every choice of masked cells, and so inpaints any region
    conditional on all known codes. It has no exact likelihood. Unlike in the paper, blocks are pre-norm, and
    the embeddings of conditions and positions are added to every cell; there is no class token.

    Args:
        channels: width of the network, a multiple of `heads`.
        layers: transformer blocks.
        heads: attention heads of each.
        hidden: width of the feed-forward networks; 0 = four times `channels`.
        dropout: share of features dropped in training, in [0, 1).
        steps: maximum number of sampling steps; never more than unknown codes.
        order: order of the cells: "halton", evenly spread over the grid (arXiv 2503.17076), or
            "confidence", highest confidence first.
        choice_temperature: of the noise on the confidences at the first step; 0 = none. Not used by
            "halton".
        codebook_size: K.
        conditions: conditions of the prior, any of which may be absent; empty = unconditional.
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
        self.embedding = nn.Embedding(codebook_size + 1, channels)  # the last is the mask token
        self.condition_embedding = embedding_of(conditions, channels)
        self.spatial = SpatialCondition(dim=channels, grid=(height, width), context_sizes=context_sizes)
        self.blocks = nn.ModuleList(
            TransformerBlock(channels, heads=heads, hidden=hidden, causal=False, dropout=dropout)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.last = nn.Linear(channels, codebook_size)
        self._initialize()

    def logits(self, codes: Tensor, *, context: Codes = (), condition: Condition | None = None) -> Tensor:
        """Codes (B, h, w), UNKNOWN where masked, to logits (B, K, h, w); use those of masked cells.

        Conditions that the prior was not trained with are ignored.

        Raises:
            ValueError: a grid of another size, or codes of a coarser level are missing.
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
        watch: LevelWatch | None,
    ) -> Tensor:
        """Samples in a few steps, conditional on all known codes.

        `params.temperature` 0 selects the most likely code of each cell; the order of the cells stays random.

        Raises:
            ValueError: guidance without a condition, or a grid of another size.
        """
        check_guidance(params, condition, self.conditions)

        def logits_of(codes: Tensor) -> Tensor:
            return self._guided(codes, context, condition, params)

        if self.order == "halton":
            return fill_by_halton(
                logits_of, known, steps=self.steps, params=params, generator=generator, watch=watch
            )
        return fill_by_confidence(
            logits_of,
            known,
            steps=self.steps,
            choice_temperature=self.choice_temperature,
            params=params,
            generator=generator,
            watch=watch,
        )

    def _guided(
        self, codes: Tensor, context: Codes, condition: Condition | None, params: SamplingParams
    ) -> Tensor:
        logits = self.logits(codes, context=context, condition=condition)
        if params.guidance == 1:
            return logits
        without = self.logits(codes, context=context, condition=unguided(condition, params))
        return guided(logits, without, params.guidance)

    def _initialize(self) -> None:
        """Initialization of GPT-2: residual projections are scaled by the number of residual branches."""
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
