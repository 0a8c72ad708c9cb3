"""One layer of gated PixelCNN: the vertical stack, and the horizontal stack that reads it."""

from __future__ import annotations

from torch import Tensor, nn

from scanvq.nn.masked_convolution import HorizontalConvolution, VerticalConvolution


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

    The condition enters the vertical stack before the 1x1 across, which takes it to the horizontal gate too.

    Args:
        channels: C, the width of both stacks.
        dilation: cells between taps.
        dropout: share of the horizontal stack's gated features dropped in training.
        classes: number of class labels; 0 = none. One more is learned for "any class".
        spatial: take a spatial condition of C channels.
    """

    def __init__(self, channels: int, *, dilation: int, dropout: float, classes: int, spatial: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.vertical = VerticalConvolution(channels, 2 * channels, dilation=dilation)
        self.horizontal = HorizontalConvolution(channels, 2 * channels, dilation=dilation, bias=False)
        self.across = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.label = nn.Embedding(classes + 1, 2 * channels) if classes else None
        self.place = nn.Conv2d(channels, 2 * channels, 1, bias=False) if spatial else None
        if self.label is not None:
            nn.init.normal_(self.label.weight, std=0.1)

    def forward(
        self, vertical: Tensor, horizontal: Tensor, labels: Tensor | None, place: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """One step of both stacks.

        Args:
            vertical: (B, C, h, w).
            horizontal: (B, C, h, w).
            labels: (B,), where the layer was made for classes.
            place: (B or 1, C, h, w), where the layer was made for a spatial condition.

        Returns:
            The vertical features before their gate (B, 2C, h, w), and the horizontal ones (B, C, h, w).
        """
        vertical = self.vertical(vertical)  # (B, 2C, h, w)
        condition = self.condition(labels, place)
        if condition is not None:
            vertical = vertical + condition.to(vertical.dtype)
        features = self.horizontal(horizontal) + self.across(vertical)  # (B, 2C, h, w)
        return vertical, horizontal + self.out(self.dropout(gate(features)))

    def condition(self, labels: Tensor | None, place: Tensor | None) -> Tensor | None:
        """What is added to the vertical features: (B or 1, 2C, h or 1, w or 1)."""
        total = None
        if self.label is not None and labels is not None:
            total = self.label(labels)[:, :, None, None]
        if self.place is not None and place is not None:
            placed = self.place(place)
            total = placed if total is None else total.to(placed.dtype) + placed
        return total
