"""A decoder-only transformer over codes, in any order of the cells."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.nn.transformer_block import TransformerBlock
from scanvq.priors.grid_size import check_grid
from scanvq.priors.guidance import check_guidance
from scanvq.priors.label_choice import check_labels, class_numbers
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.priors.transformer_steps import TransformerSteps
from scanvq.sampling.ordered import sample_ordered_cached
from scanvq.sampling.ordering import Ordering, OrderName
from scanvq.spec import Derived
from scanvq.types import Condition, InpaintingSupport, LikelihoodPrior, SamplingParams


class TransformerPrior(LikelihoodPrior):
    """GPT over the codes of an image (Esser et al. 2021, arXiv 2012.09841, section 3.2, equation 9).

    ```
    code of the last cell, or start ─ embed ─┐
    its row and column ──────────────────────┤
    row and column of the next cell ─────────+── [block] x layers ── norm ── linear ──▶ its logits
    class ───────────────────────────────────┤
    coarser codes ───────────────────────────┘
    ```

    Every place of the sequence is told which cell comes next, since the order need not be that of the rows.
    Attention reaches all cells before, however far. Guidance towards a class (`Draw.guidance`) needs the
    label to be hidden at times in training, see the objective `next_code`.

    Args:
        layers: number of blocks.
        channels: width of the network.
        heads: of attention; must divide `channels`.
        dropout: share of features dropped in training, behind the embeddings and in every block, in [0, 1).
        order: of the cells, see `sampling.ordering`.
        codebook_size: K.
        classes: number of class labels; 0 = unconditional. Label `classes` means any class.
        coarser_size: codebook size of the level above this one in a pyramid; 0 = none.
        height: rows of the code grid.
        width: columns of the code grid.

    Raises:
        ValueError: an argument out of its range, or heads that do not divide the channels.
    """

    inpainting_support: ClassVar[InpaintingSupport] = "later codes"

    def __init__(
        self,
        *,
        layers: int = 6,
        channels: int = 256,
        heads: int = 8,
        dropout: float = 0.0,
        order: OrderName = "raster",
        codebook_size: Derived[int],
        classes: Derived[int] = 0,
        coarser_size: Derived[int] = 0,
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
        self.classes = classes
        self.ordering = Ordering(order, height, width)
        self.embedding = nn.Embedding(codebook_size, channels)
        self.start = nn.Parameter(torch.empty(1, channels))
        self.last_rows = nn.Parameter(torch.empty(height, channels))
        self.last_columns = nn.Parameter(torch.empty(width, channels))
        self.next_rows = nn.Parameter(torch.empty(height, channels))
        self.next_columns = nn.Parameter(torch.empty(width, channels))
        self.label = nn.Embedding(classes + 1, channels) if classes else None
        self.spatial = (
            SpatialCondition(dim=channels, grid=None, coarser_size=coarser_size) if coarser_size else None
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
        """The layers, first to last."""
        return tuple(layer for layer in self.layers if isinstance(layer, TransformerBlock))

    def logits(
        self, codes: Tensor, *, coarser: Tensor | None = None, condition: Condition | None = None
    ) -> Tensor:
        """Codes (B, h, w), none UNKNOWN, to logits (B, K, h, w), each seeing only the cells before its own.

        The label is ignored where `classes` is 0; no label means any class.

        Raises:
            ValueError: a grid of another size, or no coarser codes where they are needed.
        """
        given = self.given(codes, coarser=coarser, condition=condition)  # (B or 1, n, C)
        read = self.embedding(self.ordering.sequence(codes)[:, :-1])  # (B, n - 1, C)
        features = self.dropout(given + F.pad(read, (0, 0, 1, 0)))  # (B, n, C)
        for layer in self.layers:
            features = layer(features)
        features = self.ordering.grid(self.norm(features))  # (B, h, w, C)
        return self.head(features).permute(0, 3, 1, 2)  # (B, K, h, w)

    def sample(
        self,
        known: Tensor,
        *,
        coarser: Tensor | None = None,
        condition: Condition | None = None,
        params: SamplingParams,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Fills every UNKNOWN cell of `known` (B, h, w), computing for each cell only what is new.

        Raises:
            ValueError: a label that the prior does not have, guidance without a label, a grid of another
                size, or no coarser codes where they are needed.
        """
        check_labels(condition, self.classes)
        check_guidance(params, condition, self.classes)
        with torch.inference_mode(), torch.autocast(self.start.device.type, enabled=False):
            steps = TransformerSteps(
                self, known, coarser=coarser, condition=condition, guidance=params.guidance
            )
            codes = sample_ordered_cached(
                steps, known, ordering=self.ordering, params=params, generator=generator
            )
        return codes.clone()  # out of inference mode, so that it may be trained on

    def given(self, codes: Tensor, *, coarser: Tensor | None, condition: Condition | None) -> Tensor:
        """All that each place is told besides the last code: (B or 1, n, C)."""
        height, width = self.ordering.shape
        check_grid(codes, self.ordering.shape)
        rows, columns = self.ordering.cells // width, self.ordering.cells % width
        last = self.last_rows[rows[:-1]] + self.last_columns[columns[:-1]]
        last = torch.cat([self.start, last])  # (n, C)
        total = (last + self.next_rows[rows] + self.next_columns[columns])[None]
        labels = class_numbers(codes, condition, self.classes)
        if self.label is not None and labels is not None:
            total = total + self.label(labels)[:, None]
        if self.spatial is not None:
            place = self.spatial(height, width, coarser).flatten(2)  # (B, C, n)
            total = total + place.index_select(2, self.ordering.cells).transpose(1, 2)
        return total

    def _initialize(self) -> None:
        """As GPT-2: 0.02 everywhere, less for what is added once in every half of a block."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                back = name.endswith("_out")
                nn.init.normal_(module.weight, std=0.02 / math.sqrt(2 * len(self.layers)) if back else 0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for table in (self.start, self.last_rows, self.last_columns, self.next_rows, self.next_columns):
            nn.init.normal_(table, std=0.02)
