"""Gated PixelCNN over codes: two stacks that together see everything before a cell."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.nn.masked_convolution import HorizontalConvolution, VerticalConvolution
from scanvq.priors.gated_layer import GatedLayer, gate
from scanvq.priors.gated_pixelcnn_steps import GatedPixelCNNSteps
from scanvq.priors.raster_prior import RasterPrior
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.spec import Derived
from scanvq.types import Condition


class GatedPixelCNN(RasterPrior):
    """Gated PixelCNN (van den Oord et al. 2016, arXiv 1606.05328), with dilations and embedded codes.

    ```
    codes ── embed ─┬─ 1x3 of the row above ──▶ v ──┬─ [gated layer] x n ──▶ h ── ELU ── 1x1 ──▶ logits
                    └─ the cell to the left ──▶ h ──┘
    ```

    Sees 1 + sum(dilations) rows up and columns to each side: 13 with the defaults.

    Args:
        channels: width of both stacks.
        dilations: the dilation of each gated layer, first to last.
        embedding_dim: length of a code's embedding.
        dropout: share of gated features dropped in training, in [0, 1).
        positions: learn an embedding of every row and column, added to each gate: for pictures that all
            stand in the same place, beyond what the receptive field tells. Fixes the grid's size.
        codebook_size: K.
        classes: number of class labels; 0 = unconditional. Label `classes` means any class.
        coarser_size: codebook size of the level above this one in a pyramid; 0 = none.
        height: rows of the code grid; needed with `positions`.
        width: columns of the code grid; needed with `positions`.

    Raises:
        ValueError: an argument out of its range, or `positions` without a grid.
    """

    def __init__(
        self,
        *,
        channels: int = 128,
        dilations: tuple[int, ...] = (1, 2, 1, 4, 1, 2, 1),
        embedding_dim: int = 64,
        dropout: float = 0.0,
        positions: bool = False,
        codebook_size: Derived[int],
        classes: Derived[int] = 0,
        coarser_size: Derived[int] = 0,
        height: Derived[int] = 0,
        width: Derived[int] = 0,
    ) -> None:
        super().__init__()
        if not dilations or min(dilations) < 1:
            raise ValueError(f"dilations is {dilations}; give one whole number of 1 or more for each layer")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1")
        if positions and not (height > 0 and width > 0):
            raise ValueError("positions needs height and width, the size of the code grid")
        self.codebook_size = codebook_size
        self.classes = classes
        self.embedding = nn.Embedding(codebook_size, embedding_dim)
        self.vertical_stem = VerticalConvolution(embedding_dim, channels, own_row=False)
        self.horizontal_stem = HorizontalConvolution(embedding_dim, channels, own_cell=False)
        spatial = positions or coarser_size > 0
        grid = (height, width) if positions else None
        self.spatial = (
            SpatialCondition(dim=channels, grid=grid, coarser_size=coarser_size) if spatial else None
        )
        self.layers = nn.ModuleList(
            GatedLayer(channels, dilation=dilation, dropout=dropout, classes=classes, spatial=spatial)
            for dilation in dilations
        )
        self.head = nn.Conv2d(channels, codebook_size, 1)

    @property
    def gated_layers(self) -> tuple[GatedLayer, ...]:
        """The layers, first to last."""
        return tuple(layer for layer in self.layers if isinstance(layer, GatedLayer))

    def logits(
        self, codes: Tensor, *, coarser: Tensor | None = None, condition: Condition | None = None
    ) -> Tensor:
        """Codes (B, h, w), none UNKNOWN, to logits (B, K, h, w), each seeing only the cells before its own.

        The label is ignored where `classes` is 0; no label means any class.
        """
        embedded = self.embedding(codes).permute(0, 3, 1, 2)  # (B, E, h, w), channels last in memory
        labels = self.labels(codes, condition)
        place = self.place(codes, coarser)
        vertical = self.vertical_stem(embedded)  # (B, C, h, w)
        horizontal = self.horizontal_stem(embedded)  # (B, C, h, w)
        for number, layer in enumerate(self.layers):
            if number:
                vertical = gate(vertical)  # (B, C, h, w)
            vertical, horizontal = layer(vertical, horizontal, labels, place)  # (B, 2C, h, w), (B, C, h, w)
        return self.head(F.elu(horizontal))  # (B, K, h, w)

    def steps(
        self, known: Tensor, *, coarser: Tensor | None, condition: Condition | None
    ) -> GatedPixelCNNSteps:
        """The network with its caches, for grids like `known` (B, h, w)."""
        return GatedPixelCNNSteps(self, known, coarser=coarser, condition=condition)
