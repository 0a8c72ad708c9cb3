"""The layer of gated PixelCNN, for whole grids and for cached sampling cell by cell."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.nn.condition_embedding import embedding_of
from scanvq.nn.masked_convolution import HorizontalConvolution, VerticalConvolution
from scanvq.nn.matrices import bias_of


def gate(features: Tensor) -> Tensor:
    """tanh(values) * sigmoid(gates), equation 2: (B, 2C, ...) to (B, C, ...)."""
    values, gates = features.chunk(2, dim=1)
    return values.tanh() * gates.sigmoid()


class GatedLayer(nn.Module):
    """A gated layer (arXiv 1606.05328, figure 2), conditional as in its equations 3 and 4.

    ```
    v ── 2x3 ── + ──────────┬───────────────────▶ gated by the next layer
            condition      1x1
    h ─┬─ 1x2 ───────────── + ── gate ── 1x1 ── + ──▶ h
       └────────────────────────────────────────┘
    ```

    The condition is added to the vertical stack before the 1x1 connection to the horizontal stack.

    Args:
        channels: C, the width of both stacks.
        dilation: cells between taps.
        dropout: share of the horizontal stack's gated features dropped in training.
        conditions: conditions of the prior.
        spatial: whether the layer has a spatial condition of C channels.
    """

    def __init__(
        self, channels: int, *, dilation: int, dropout: float, conditions: ConditionSpace, spatial: bool
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.vertical = VerticalConvolution(channels, 2 * channels, dilation=dilation)
        self.horizontal = HorizontalConvolution(channels, 2 * channels, dilation=dilation, bias=False)
        self.across = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.embedding = embedding_of(conditions, 2 * channels)
        self.place = nn.Conv2d(channels, 2 * channels, 1, bias=False) if spatial else None
        if self.embedding is not None:
            self.embedding.reset(0.1)

    def forward(
        self, vertical: Tensor, horizontal: Tensor, condition: Condition | None, spatial_map: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """One step of both stacks.

        Args:
            vertical: (B, C, h, w).
            horizontal: (B, C, h, w).
            condition: of the batch; None = all absent.
            spatial_map: (B or 1, C, h, w), for layers with a spatial condition.

        Returns:
            The vertical features before the gate (B, 2C, h, w), and the horizontal features (B, C, h, w).
        """
        vertical = self.vertical(vertical)  # (B, 2C, h, w)
        bias = self.condition_bias(condition, spatial_map, len(vertical))
        if bias is not None:
            vertical = vertical + bias.to(vertical.dtype)
        features = self.horizontal(horizontal) + self.across(vertical)  # (B, 2C, h, w)
        return vertical, horizontal + self.out(self.dropout(gate(features)))

    def condition_bias(
        self, condition: Condition | None, spatial_map: Tensor | None, count: int
    ) -> Tensor | None:
        """The conditions' bias of the vertical features, (B or 1, 2C, h or 1, w or 1), B = `count`."""
        total = None
        if self.embedding is not None:
            total = self.embedding(condition, count)[:, :, None, None]
        if self.place is not None and spatial_map is not None:
            spatial = self.place(spatial_map)
            total = spatial if total is None else total.to(spatial.dtype) + spatial
        return total


class CachedGatedLayer:
    """A gated layer with cached features, for row-by-row and cell-by-cell sampling.

    Tensors have the cell as the first axis, (w, B, channels), so that adjacent cells are a contiguous matrix.

    Args:
        layer: its weights are copied as matrices.
        condition: of the batch; None = all absent.
        width: w, cells of a row.
        batch: B.
    """

    def __init__(self, layer: GatedLayer, condition: Condition | None, width: int, batch: int) -> None:
        self.dilation = layer.dilation
        channels = layer.out.in_channels
        taps = layer.vertical.taps.weight  # (2C, C, 2, 3)
        # tanh(a) sigmoid(b) = tanh(a) (1 + tanh(b / 2)) / 2: the horizontal gate is computed by a single
        # tanh, and the factors 1/2 are folded into the weights before and after it.
        half = taps.new_ones(2 * channels)
        half[channels:] = 0.5
        self.vertical = taps.permute(2, 3, 1, 0).reshape(6 * channels, 2 * channels).contiguous()
        self.across = layer.across.weight[:, :, 0, 0].t() * half
        self.before = layer.horizontal.taps.weight[:, :, 0, 0].t() * half  # (C, 2C)
        self.at = layer.horizontal.taps.weight[:, :, 0, 1].t() * half  # (C, 2C)
        self.out = layer.out.weight[:, :, 0, 0].t() * 0.5  # (C, C)
        self.across_bias = bias_of(layer.across) * half
        self.vertical_bias = bias_of(layer.vertical.taps)
        if layer.embedding is not None:
            self.vertical_bias = self.vertical_bias + layer.embedding(condition, batch)  # (B, 2C)
        self.spatial_weight = None if layer.place is None else layer.place.weight[:, :, 0, 0].t()  # (C, 2C)

        self.rows = taps.new_zeros(self.dilation + 1, width + 2 * self.dilation, batch, channels)
        self.history = taps.new_zeros(width + self.dilation, batch, channels)
        self.given = taps.new_empty(width, batch, 2 * channels)  # gate inputs from the vertical stack
        self._columns = taps.new_empty(width * batch, 6 * channels)

    def keep_row(self, row: int, features: Tensor) -> None:
        """Stores a row's input (w, B, C) over the oldest row of the ring buffer."""
        self.rows[row % (self.dilation + 1), self.dilation : -self.dilation] = features

    def start_row(self, row: int, spatial_map: Tensor | None) -> Tensor:
        """Computes the vertical features (w * B, 2C) of a row whose input is stored, and sets `given`."""
        width, batch, channels = self.given.shape
        ring = self.dilation + 1
        both = (self.rows[(row + 1) % ring], self.rows[row % ring])  # row - dilation, row
        columns = range(0, 2 * self.dilation + 1, self.dilation)
        torch.cat(
            [row[at : at + width].flatten(0, 1) for row in both for at in columns], dim=1, out=self._columns
        )
        features = (
            torch.mm(self._columns, self.vertical).view(width, batch, channels).add_(self.vertical_bias)
        )
        if spatial_map is not None and self.spatial_weight is not None:
            features += spatial_map @ self.spatial_weight
        features = features.flatten(0, 1)
        torch.addmm(self.across_bias, features, self.across, out=self.given.flatten(0, 1))
        return features
