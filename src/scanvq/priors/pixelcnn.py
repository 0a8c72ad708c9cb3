"""PixelCNN over codes: one stack of masked convolutions."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.nn.raster_convolution import CodeConvolution
from scanvq.priors.pixelcnn_layer import LayerCondition, PixelCNNBlock
from scanvq.priors.pixelcnn_steps import PixelCNNSteps
from scanvq.priors.raster_prior import RasterPrior
from scanvq.priors.spatial_condition import SpatialCondition
from scanvq.spec import Derived
from scanvq.types import Condition


class PixelCNN(RasterPrior):
    """PixelCNN (van den Oord, Kalchbrenner and Kavukcuoglu 2016, arXiv 1601.06759, table 1).

    ```
    codes ── k x k mask A ── [1x1, 3x3 mask B, 1x1, residual] x n ── [ReLU, 1x1] x m ── ReLU ── 1x1 ──▶ logits
    ```

    Sees kernel // 2 + blocks rows up and columns to the left, but to the right only kernel // 2 columns of
    the row above and one more of each row further up. What lies beyond is the blind spot of plain PixelCNN,
    which gated PixelCNN was made to remove (arXiv 1606.05328, figure 1).

    Args:
        channels: width of the network.
        hidden: width of the 3x3 convolutions' output.
        kernel: of the first convolution, odd.
        blocks: residual blocks.
        head_layers: 1x1 layers before the last.
        codes_in: what the first convolution reads: one-hot codes, or learned embeddings.
        embedding_dim: length of a code's embedding, where codes are embedded.
        dropout: share of each block's hidden features dropped in training, in [0, 1).
        positions: learn an embedding of every row and column, added in each layer: for pictures that all
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
        hidden: int = 64,
        kernel: int = 7,
        blocks: int = 2,
        head_layers: int = 2,
        codes_in: Literal["one_hot", "embedded"] = "one_hot",
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
        if blocks < 0 or head_layers < 0:
            raise ValueError(f"blocks is {blocks} and head_layers {head_layers}; each must be 0 or more")
        if codes_in == "embedded" and embedding_dim < 1:
            raise ValueError(f"embedding_dim is {embedding_dim}; it must be at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1")
        if positions and not (height > 0 and width > 0):
            raise ValueError("positions needs height and width, the size of the code grid")
        self.codebook_size = codebook_size
        self.classes = classes
        spatial = positions or coarser_size > 0
        place_channels = channels if spatial else 0
        grid = (height, width) if positions else None
        self.spatial = (
            SpatialCondition(dim=channels, grid=grid, coarser_size=coarser_size) if spatial else None
        )
        self.first = CodeConvolution(
            codebook_size,
            channels,
            kernel=kernel,
            embedding_dim=embedding_dim if codes_in == "embedded" else 0,
        )
        self.first_condition = LayerCondition(channels, classes=classes, place_channels=place_channels)
        self.blocks = nn.ModuleList(
            PixelCNNBlock(channels, hidden, dropout=dropout, classes=classes, spatial=spatial)
            for _ in range(blocks)
        )
        self.head = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(head_layers))
        self.head_conditions = nn.ModuleList(
            LayerCondition(channels, classes=classes, place_channels=place_channels)
            for _ in range(head_layers)
        )
        self.last = nn.Conv2d(channels, codebook_size, 1)

    @property
    def residual_blocks(self) -> tuple[PixelCNNBlock, ...]:
        """The blocks, first to last."""
        return tuple(block for block in self.blocks if isinstance(block, PixelCNNBlock))

    @property
    def head_layers(self) -> tuple[tuple[nn.Conv2d, LayerCondition], ...]:
        """The 1x1 layers before the last, first to last, each with what conditions add to it."""
        return tuple(
            (layer, added)
            for layer, added in zip(self.head, self.head_conditions, strict=True)
            if isinstance(layer, nn.Conv2d) and isinstance(added, LayerCondition)
        )

    def logits(
        self, codes: Tensor, *, coarser: Tensor | None = None, condition: Condition | None = None
    ) -> Tensor:
        """Codes (B, h, w), none UNKNOWN, to logits (B, K, h, w), each seeing only cells before its own.

        The label is ignored where `classes` is 0; no label means any class.
        """
        labels, place = self.labels(codes, condition), self.place(codes, coarser)
        features = self.first_condition(self.first(codes), labels, place)  # (B, C, h, w)
        for block in self.blocks:
            features = block(features, labels, place)
        for layer, added in self.head_layers:
            features = added(layer(F.relu(features)), labels, place)
        return self.last(F.relu(features))  # (B, K, h, w)

    def steps(self, known: Tensor, *, coarser: Tensor | None, condition: Condition | None) -> PixelCNNSteps:
        """The network with its caches, for grids like `known` (B, h, w)."""
        return PixelCNNSteps(self, known, coarser=coarser, condition=condition)
