"""Layers of PixelCNN: conditions and residual block, for whole grids and for cached sampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.nn.condition_embedding import embedding_of
from scanvq.nn.matrices import bias_of, matrix_of
from scanvq.nn.raster_convolution import RasterConvolution


class LayerCondition(nn.Module):
    """Adds the biases of conditions and of the spatial condition to a layer's output, before the next ReLU.

    Args:
        channels: of the layer's output.
        conditions: conditions of the prior.
        spatial_channels: channels of the spatial condition; 0 = none.
    """

    def __init__(self, channels: int, *, conditions: ConditionSpace, spatial_channels: int) -> None:
        super().__init__()
        self.embedding = embedding_of(conditions, channels)
        self.place = nn.Conv2d(spatial_channels, channels, 1, bias=False) if spatial_channels else None
        if self.embedding is not None:
            self.embedding.reset(0.1)

    def forward(self, features: Tensor, condition: Condition | None, spatial_map: Tensor | None) -> Tensor:
        """Features (B, channels, h, w) plus the biases of all conditions.

        Args:
            features: (B, channels, h, w).
            condition: of the batch; None = all absent.
            spatial_map: (B or 1, spatial_channels, h, w), for layers with a spatial condition.
        """
        if self.embedding is not None:
            given = self.embedding(condition, len(features))  # (B, channels)
            features = features + given[:, :, None, None].to(features.dtype)
        if self.place is not None and spatial_map is not None:
            features = features + self.place(spatial_map).to(features.dtype)
        return features


class PixelCNNBlock(nn.Module):
    """A residual block (arXiv 1601.06759, figure 5 left).

    ```
    x ─┬─ ReLU ── 1x1 ── ReLU ── 3x3 mask B ── + ── ReLU ── 1x1 ── + ──▶ x
       │                                   condition               │
       └───────────────────────────────────────────────────────────┘
    ```

    Args:
        channels: width of x and of the first 1x1.
        hidden: width after the masked convolution.
        dropout: share of the hidden features dropped in training.
        conditions: conditions of the prior.
        spatial: whether the block has a spatial condition, of `channels` channels.
    """

    def __init__(
        self, channels: int, hidden: int, *, dropout: float, conditions: ConditionSpace, spatial: bool
    ) -> None:
        super().__init__()
        self.before = nn.Conv2d(channels, channels, 1)
        self.masked = RasterConvolution(channels, hidden, kernel=3, own_cell=True)
        self.condition = LayerCondition(
            hidden, conditions=conditions, spatial_channels=channels if spatial else 0
        )
        self.dropout = nn.Dropout(dropout)
        self.after = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, features: Tensor, condition: Condition | None, spatial_map: Tensor | None) -> Tensor:
        """Features (B, channels, h, w) to the same shape."""
        hidden = self.masked(self.masked_input(features))  # (B, hidden, h, w)
        hidden = F.relu(self.condition(hidden, condition, spatial_map))
        added: Tensor = features + self.after(self.dropout(hidden))  # (B, channels, h, w)
        return added

    def masked_input(self, features: Tensor) -> Tensor:
        """The input of the masked convolution, for features (B, channels, h, w)."""
        return F.relu(self.before(F.relu(features)))


class RowInput:
    """Inputs of a layer's cells from the rows above and from conditions: `rows` (w, B, channels).

    Args:
        condition: condition layer.
        bias: of the layer, (channels,).
        given: the condition of the batch; None = all absent.
        width: w, cells of a row.
        batch: B.
    """

    def __init__(
        self,
        condition: LayerCondition,
        bias: Tensor,
        given: Condition | None,
        width: int,
        batch: int,
    ) -> None:
        embedding = condition.embedding
        self._bias = bias if embedding is None else bias + embedding(given, batch)  # (C,) or (B, C)
        self._spatial_weight = None if condition.place is None else matrix_of(condition.place)
        self.rows = (self._bias + bias.new_zeros(width, batch, 1)).contiguous()
        self.cells = self.rows.unbind(0)

    def start_row(self, above: Tensor | None, spatial_map: Tensor | None) -> None:
        """Sets the inputs of a new row from `above` (w, B, channels) and the spatial map (w, B or 1, C)."""
        parts = [] if above is None else [above]
        if spatial_map is not None and self._spatial_weight is not None:
            parts.append(spatial_map @ self._spatial_weight)
        if parts:
            self.rows[: len(parts[0])] = sum(parts, start=self._bias)


class CachedBlock:
    """A residual block with the cached input of the masked convolution, for cell-by-cell sampling.

    Tensors have the cell as the first axis, (w, B, channels).

    Args:
        block: its weights are copied as matrices.
        given: the condition of the batch; None = all absent.
        width: w, cells of a row.
        batch: B.
    """

    def __init__(self, block: PixelCNNBlock, given: Condition | None, width: int, batch: int) -> None:
        masked = block.masked
        channels = masked.above.shape[1]
        self.given = RowInput(block.condition, masked.bias, given, width, batch)
        self.before, self.before_bias = matrix_of(block.before), bias_of(block.before)
        self.above = masked.above.permute(2, 3, 1, 0).reshape(3 * channels, -1).contiguous()  # (3C, hidden)
        self.left = masked.beside[:, :, 0, 0].t().contiguous()  # (C, hidden)
        self.current = masked.beside[:, :, 0, 1].t().contiguous()  # (C, hidden)
        self.after = matrix_of(block.after)  # (hidden, C)
        self.kept = masked.above.new_zeros(width + 2, batch, channels)  # the row above, then the current row

    def seen_above(self) -> Tensor:
        """The contribution of the row above to each cell (w, B, hidden); call before it is overwritten."""
        width = self.kept.shape[0] - 2
        above = torch.cat([self.kept[at : at + width] for at in range(3)], dim=-1)  # (w, B, 3C)
        return above @ self.above
