"""Decoder-only transformer over codes, in any order of the cells."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.nn.condition_embedding import ConditionEmbedding, embedding_of
from scanvq.nn.transformer_block import CachedTransformerBlock, TransformerBlock
from scanvq.priors.grid_size import check_grid
from scanvq.priors.guidance import check_guidance, guided, unguided
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.sampling.ordered import OrderedStepper, sample_ordered_cached
from scanvq.sampling.ordering import Ordering, OrderName
from scanvq.spec import Derived
from scanvq.types import Codes, InpaintingSupport, LevelWatch, LikelihoodPrior, SamplingParams


class TransformerPrior(LikelihoodPrior):
    """GPT over the codes of an image (Esser et al. 2021, arXiv 2012.09841, section 3.2, equation 9).

    ```
    code of the last cell, or start ─ embed ─┐
    row and column of the last cell ─────────┤
    row and column of the next cell ─────────+── [block] x layers ── norm ── linear ──▶ its logits
    conditions ──────────────────────────────┤
    coarser codes ───────────────────────────┘
    ```

    Each token includes the position of the next cell, since the order may differ from raster order. Guidance
    (`SamplingParams.guidance`) needs condition dropout in training, see the objective `next_code`.

    Args:
        layers: number of blocks.
        channels: width of the network.
        heads: of attention; must divide `channels`.
        dropout: share of features dropped in training, after the embeddings and in every block, in [0, 1).
        order: of the cells, see `sampling.ordering`.
        codebook_size: K.
        conditions: conditions of the prior, any of which may be absent; empty = unconditional.
        context_sizes: codebook sizes of the coarser levels, coarse to fine; () = none.
        height: rows of the code grid.
        width: columns of the code grid.

    Raises:
        ValueError: an argument out of its range, or heads that do not divide the channels.
    """

    inpainting_support: ClassVar[InpaintingSupport] = "later codes"
    supports_guidance: ClassVar[bool] = True

    def __init__(
        self,
        *,
        layers: int = 6,
        channels: int = 256,
        heads: int = 8,
        dropout: float = 0.0,
        order: OrderName = "raster",
        codebook_size: Derived[int],
        conditions: Derived[ConditionSpace] = NO_CONDITIONS,
        context_sizes: Derived[tuple[int, ...]] = (),
        height: Derived[int],
        width: Derived[int],
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers is {layers}; it must be 1 or more")
        if heads < 1 or channels < 1 or channels % heads:
            raise ValueError(f"channels is {channels} and heads {heads}; heads must divide channels")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1")
        self.codebook_size = codebook_size
        self.conditions = conditions
        self.context_sizes = context_sizes
        self.ordering = Ordering(order, height, width)
        self.embedding = nn.Embedding(codebook_size, channels)
        self.start = nn.Parameter(torch.empty(1, channels))
        self.last_rows = nn.Parameter(torch.empty(height, channels))
        self.last_columns = nn.Parameter(torch.empty(width, channels))
        self.next_rows = nn.Parameter(torch.empty(height, channels))
        self.next_columns = nn.Parameter(torch.empty(width, channels))
        self.condition_embedding = embedding_of(conditions, channels)
        self.spatial = (
            SpatialCondition(dim=channels, grid=None, context_sizes=context_sizes) if context_sizes else None
        )
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            TransformerBlock(channels, heads=heads, causal=True, dropout=dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, codebook_size)
        self._initialize()

    @property
    def blocks(self) -> tuple[TransformerBlock, ...]:
        """The transformer blocks in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, TransformerBlock))

    def logits(self, codes: Tensor, *, context: Codes = (), condition: Condition | None = None) -> Tensor:
        """Codes (B, h, w), none UNKNOWN, to logits (B, K, h, w), each conditional on earlier cells only.

        Conditions that the prior was not trained with are ignored.

        Raises:
            ValueError: a grid of another size, or codes of a coarser level are missing.
        """
        added = self.added_embeddings(codes, context=context, condition=condition)  # (B or 1, n, C)
        embedded = self.embedding(self.ordering.sequence(codes)[:, :-1])  # (B, n - 1, C)
        features = self.dropout(added + F.pad(embedded, (0, 0, 1, 0)))  # (B, n, C)
        for layer in self.layers:
            features = layer(features)
        features = self.ordering.grid(self.norm(features))  # (B, h, w, C)
        return self.head(features).permute(0, 3, 1, 2)  # (B, K, h, w)

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
        """Samples cell by cell with cached keys and values.

        Raises:
            ValueError: guidance without a condition, or a grid of another size.
        """
        check_guidance(params, condition, self.conditions)
        batch, height, width = known.shape
        stepper = self.stepper(
            (batch, height, width),
            context=context,
            condition=condition,
            unconditional=unguided(condition, params),
            guidance=params.guidance,
        )
        return sample_ordered_cached(stepper, known, params=params, generator=generator, watch=watch)

    def stepper(
        self,
        shape: tuple[int, int, int],
        *,
        context: Codes = (),
        condition: Condition | None = None,
        unconditional: Condition | None = None,
        guidance: float = 1.0,
    ) -> TransformerStepper:
        """Computes the same logits as `logits`, cell by cell, with guidance unless it is 1."""
        return TransformerStepper(
            self,
            shape,
            context=context,
            condition=condition,
            unconditional=unconditional,
            guidance=guidance,
        )

    def added_embeddings(self, codes: Tensor, *, context: Codes, condition: Condition | None) -> Tensor:
        """Embeddings of positions, conditions and coarser codes, added to each token: (B or 1, n, C).

        Only the shape of `codes` (B, h, w) is used.
        """
        height, width = self.ordering.shape
        check_grid(codes, self.ordering.shape)
        self._check_context(context)
        rows, columns = self.ordering.cells // width, self.ordering.cells % width
        last = self.last_rows[rows[:-1]] + self.last_columns[columns[:-1]]
        last = torch.cat([self.start, last])  # (n, C)
        total = (last + self.next_rows[rows] + self.next_columns[columns])[None]
        if self.condition_embedding is not None:
            total = total + self.condition_embedding(condition, len(codes))[:, None]
        if self.spatial is not None:
            spatial_map = self.spatial(height, width, context).flatten(2)  # (B, C, n)
            total = total + spatial_map.index_select(2, self.ordering.cells).transpose(1, 2)
        return total

    def _initialize(self) -> None:
        """Initialization of GPT-2: std 0.02; residual projections are scaled by the number of branches."""
        for name, module in self.named_modules():
            if name.startswith("condition_embedding."):
                continue
            if isinstance(module, ConditionEmbedding):
                module.reset(0.02)
            if isinstance(module, nn.Linear | nn.Embedding):
                residual = name.endswith("_out")
                std = 0.02 / math.sqrt(2 * len(self.layers)) if residual else 0.02
                nn.init.normal_(module.weight, std=std)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for table in (self.start, self.last_rows, self.last_columns, self.next_rows, self.next_columns):
            nn.init.normal_(table, std=0.02)


class TransformerStepper(OrderedStepper):
    """The transformer with a cache of keys and values, for sampling position by position.

    With guidance, the batch has R = 2B rows: first those of `condition`, then those of `unconditional`.

    Args:
        network: its weights are copied as matrices.
        shape: (B, h, w).
        context: codes of the coarser levels.
        condition: requested values; None = all absent.
        unconditional: condition of the unconditional logits; not used if `guidance` is 1.
        guidance: guidance scale; 1 = off.
    """

    def __init__(
        self,
        network: TransformerPrior,
        shape: tuple[int, int, int],
        *,
        context: Codes,
        condition: Condition | None,
        unconditional: Condition | None,
        guidance: float,
    ) -> None:
        batch = shape[0]
        super().__init__(network.ordering, batch)
        count = len(self.cells)
        self._positions = torch.arange(count, device=self.codes.device)
        self._guidance = guidance
        conditions = [condition] if guidance == 1 else [condition, unconditional]
        grid = self.codes.new_empty(shape)
        added = [network.added_embeddings(grid, context=context, condition=given) for given in conditions]
        self._added = torch.cat([rows.expand(batch, -1, -1) for rows in added])  # (R, n, C)
        self._embedding = network.embedding
        self._blocks = [CachedTransformerBlock(block, len(self._added), count) for block in network.blocks]
        self._norm, self._head = network.norm, network.head

    def advance(self, start: int, stop: int) -> Tensor:
        """Computes positions start to stop - 1, all but the last set: logits (B, K) of the last."""
        features = self._tokens(start, stop)
        for block in self._blocks:
            block.advance(features, start, stop)
        return self._logits(features)

    def advance_at_position(self) -> Tensor:
        """Computes `position`, not the first, by the same kernels at every position: logits (B, K)."""
        features = self._added.index_select(1, self.position)  # (R, 1, C)
        features += self._embed(self.codes.index_select(0, self.position - 1))
        mask = (self._positions <= self.position)[None]  # (1, n)
        for block in self._blocks:
            block.advance_at(features, self.position, mask)
        return self._logits(features)

    def _tokens(self, start: int, stop: int) -> Tensor:
        """Input of the first block at positions start to stop - 1: (R, m, C)."""
        features = self._added[:, start:stop].clone()
        first = max(start, 1)  # the start token has no code
        features[:, first - start :] += self._embed(self.codes[first - 1 : stop - 1])
        return features

    def _embed(self, codes: Tensor) -> Tensor:
        """Embeddings (R, m, C) of codes (m, B)."""
        embedded = self._embedding(codes.t())
        return embedded if self._guidance == 1 else torch.cat([embedded, embedded])

    def _logits(self, features: Tensor) -> Tensor:
        """Logits (B, K) of the last position of features (R, m, C)."""
        logits = self._head(self._norm(features[:, -1]))  # (R, K)
        if self._guidance == 1:
            return logits
        conditional, unconditional = logits.chunk(2)
        return guided(conditional, unconditional, self._guidance)
