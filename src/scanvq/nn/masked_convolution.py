"""Causal convolutions of gated PixelCNN, without weights that are always zero."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIRROR_REACH = 2  # columns to each side of the mirrored cell
MIRROR_TAPS = 2 * MIRROR_REACH + 1


class VerticalConvolution(nn.Module):
    """A convolution over rows above, three columns wide, and over the output row if `own_row`.

    The vertical stack of gated PixelCNN (arXiv 1606.05328, section 2.2). Features of the stack already
    exclude the codes of their row, so `own_row` is False only in the first layer, which reads the codes.

    Args:
        inputs: channels in.
        outputs: channels out.
        dilation: cells between taps, along rows and columns.
        own_row: include the row of the output cell.
    """

    def __init__(self, inputs: int, outputs: int, *, dilation: int = 1, own_row: bool = True) -> None:
        super().__init__()
        self.dilation = dilation
        self.own_row = own_row
        self.taps = nn.Conv2d(
            inputs, outputs, (2 if own_row else 1, 3), padding=(0, dilation), dilation=dilation
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, inputs, h, w) to (B, outputs, h, w)."""
        rows = F.pad(features, (0, 0, self.dilation, 0))  # (B, inputs, dilation + h, w)
        return self.taps(rows if self.own_row else rows[:, :, : -self.dilation])


class HorizontalConvolution(nn.Module):
    """A convolution over the cell to the left, and over the output cell if `own_cell`.

    The horizontal stack of gated PixelCNN (arXiv 1606.05328, section 2.2).

    Args:
        inputs: channels in.
        outputs: channels out.
        dilation: cells between the two taps.
        own_cell: include the output cell; False only in the first layer, which reads the codes.
        bias: learn a bias.
    """

    def __init__(
        self, inputs: int, outputs: int, *, dilation: int = 1, own_cell: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.own_cell = own_cell
        self.taps = nn.Conv2d(inputs, outputs, (1, 2 if own_cell else 1), dilation=dilation, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, inputs, h, w) to (B, outputs, h, w)."""
        cells = F.pad(features, (self.dilation, 0))  # (B, inputs, h, dilation + w)
        return self.taps(cells if self.own_cell else cells[..., : -self.dilation])


class MirrorConvolution(nn.Module):
    """A convolution over the mirrored cells of the own row: those around column w - 1 - c, for column c.

    Only cells to the left of the output cell count, so the left half of a row sees none.

    Args:
        inputs: channels in.
        outputs: channels out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.taps = nn.Conv2d(inputs * MIRROR_TAPS, outputs, 1, bias=False)  # of each tap in turn

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, inputs, h, w) to (B, outputs, h, w)."""
        width = features.shape[-1]
        columns = mirror_columns(width).to(features.device)
        padded = F.pad(features, (0, 1))  # the last column stands for all cells that do not count
        cells = [padded[..., line] for line in columns.masked_fill(columns < 0, width)]
        return self.taps(torch.cat(cells, dim=1))


def mirror_columns(width: int) -> Tensor:
    """The column that each tap reads for each output column, (MIRROR_TAPS, width); -1 = none that counts."""
    column = torch.arange(width)
    offsets = torch.arange(-MIRROR_REACH, MIRROR_REACH + 1)[:, None]
    read = width - 1 - column - offsets
    return read.masked_fill((read < 0) | (read >= column), -1)
