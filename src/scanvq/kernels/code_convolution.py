"""The masked convolution over one-hot codes as a sum of table rows."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def convolve_codes(codes: Tensor, tables: Tensor, *, kernel: int) -> Tensor:
    """Looks up and sums the table row of each tap: as `reference_convolve_codes`, see there for arguments.

    For one-hot codes this is 1 / K of the operations of a convolution. The result is channels last in memory.
    For CPUs; on other devices the convolution is faster.

    Gain: a training step of recipe adni-vqvae-pixelcnn at 16 grids of 32x32 and 64 codes 40 %, of which the
    backward pass 36 %.
    """
    batch, height, width = codes.shape
    reach, size = kernel // 2, tables.shape[1] - 1
    padded = F.pad(codes, (reach, reach, reach, 0), value=size)
    offsets = [(row, column) for row in range(reach) for column in range(kernel)]
    offsets += [(reach, column) for column in range(reach)]
    rows = torch.stack(
        [
            padded[:, row : row + height, column : column + width] + tap * (size + 1)
            for tap, (row, column) in enumerate(offsets)
        ],
        dim=-1,
    )  # (B, h, w, taps)
    summed: Tensor = _SumOfRows.apply(tables.flatten(0, 1), rows.flatten(0, 2))  # (B * h * w, O)
    return summed.view(batch, height, width, tables.shape[-1]).permute(0, 3, 1, 2)


def reference_convolve_codes(codes: Tensor, tables: Tensor, *, kernel: int) -> Tensor:
    """A convolution over one-hot codes, under mask A (arXiv 1601.06759, section 3.4).

    Args:
        codes: (B, h, w) int64, below K.
        tables: (taps, K + 1, O), the output of each tap for each code, taps in raster order; the last row,
            for cells outside the grid, is zero.
        kernel: k, odd; taps are the k // 2 * k cells above and the k // 2 to the left.

    Returns:
        (B, O, h, w).
    """
    reach, size = kernel // 2, tables.shape[1] - 1
    one_hot = F.one_hot(codes, size).to(tables.dtype).permute(0, 3, 1, 2)
    weights = F.pad(
        tables[:, :-1].permute(2, 1, 0), (0, kernel - reach)
    )  # (O, K, rows * k), zeros on the right
    convolved = F.conv2d(one_hot, weights.unflatten(2, (reach + 1, kernel)), padding=reach)
    return convolved[:, :, : codes.shape[1]]


class _SumOfRows(torch.autograd.Function):
    """`embedding_bag` with a faster backward pass: PyTorch's takes twenty times as long on a CPU."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.shape = table.shape
        return F.embedding_bag(rows, table, mode="sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        table = gradient.new_zeros(ctx.shape)
        for tap in rows.unbind(1):
            table.index_add_(0, tap, gradient)
        return table, None
