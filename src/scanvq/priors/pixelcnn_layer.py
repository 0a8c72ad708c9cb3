"""The layers of PixelCNN: what conditions add to each, and the residual block."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.nn.raster_convolution import RasterConvolution


class LayerCondition(nn.Module):
    """What class and place add to a layer's output, before the next ReLU.

    Args:
        channels: of the layer's output.
        classes: number of class labels; 0 = none. One more is learned for "any class".
        place_channels: channels of the spatial condition; 0 = none.
    """

    def __init__(self, channels: int, *, classes: int, place_channels: int) -> None:
        super().__init__()
        self.label = nn.Embedding(classes + 1, channels) if classes else None
        self.place = nn.Conv2d(place_channels, channels, 1, bias=False) if place_channels else None
        if self.label is not None:
            nn.init.normal_(self.label.weight, std=0.1)

    def forward(self, features: Tensor, labels: Tensor | None, place: Tensor | None) -> Tensor:
        """Features (B, channels, h, w) plus the bias of their class and of their place.

        Args:
            features: (B, channels, h, w).
            labels: (B,), where the layer was made for classes.
            place: (B or 1, place_channels, h, w), where it was made for a spatial condition.
        """
        if self.label is not None and labels is not None:
            features = features + self.label(labels)[:, :, None, None].to(features.dtype)
        if self.place is not None and place is not None:
            features = features + self.place(place).to(features.dtype)
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
        classes: number of class labels; 0 = none.
        spatial: take a spatial condition of as many channels.
    """

    def __init__(self, channels: int, hidden: int, *, dropout: float, classes: int, spatial: bool) -> None:
        super().__init__()
        self.before = nn.Conv2d(channels, channels, 1)
        self.masked = RasterConvolution(channels, hidden, kernel=3, own_cell=True)
        self.condition = LayerCondition(hidden, classes=classes, place_channels=channels if spatial else 0)
        self.dropout = nn.Dropout(dropout)
        self.after = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, features: Tensor, labels: Tensor | None, place: Tensor | None) -> Tensor:
        """Features (B, channels, h, w) to the same shape."""
        hidden = self.masked(self.masked_input(features))  # (B, hidden, h, w)
        hidden = F.relu(self.condition(hidden, labels, place))
        added: Tensor = features + self.after(self.dropout(hidden))  # (B, channels, h, w)
        return added

    def masked_input(self, features: Tensor) -> Tensor:
        """What the masked convolution reads of features (B, channels, h, w)."""
        return F.relu(self.before(F.relu(features)))
