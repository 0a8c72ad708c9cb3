"""Masked convolutions of PixelCNN over features and over codes, without weights that are always zero."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.kernels.code_convolution import convolve_codes


class RasterConvolution(nn.Module):
    """A k x k convolution under mask A or B (van den Oord et al. 2016, arXiv 1601.06759, section 3.4).

    It covers k // 2 rows above, k columns wide, and k // 2 cells to the left; mask B adds the output cell.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: k, odd, at least 3.
        own_cell: True for mask B, False for mask A.

    Raises:
        ValueError: an even kernel, or a kernel below 3.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, own_cell: bool) -> None:
        super().__init__()
        if kernel < 3 or kernel % 2 == 0:
            raise ValueError(f"kernel is {kernel}; it must be odd and at least 3")
        self.kernel = kernel
        self.reach = kernel // 2
        self.above = nn.Parameter(torch.empty(outputs, inputs, self.reach, kernel))
        self.beside = nn.Parameter(torch.empty(outputs, inputs, 1, self.reach + own_cell))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.reset_parameters(inputs)

    @property
    def taps(self) -> int:
        """Number of input cells of an output cell."""
        return self.reach * self.kernel + self.beside.shape[-1]

    def reset_parameters(self, inputs: int) -> None:
        """Initializes the weights for an input with this number of nonzero channels."""
        bound = 1 / math.sqrt(inputs * self.taps)
        for weights in self.parameters():
            nn.init.uniform_(weights, -bound, bound)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, inputs, h, w) to (B, outputs, h, w)."""
        right = self.kernel - self.beside.shape[-1]
        weights = torch.cat([self.above, F.pad(self.beside, (0, right))], dim=2)  # (out, in, k // 2 + 1, k)
        return F.conv2d(features, weights, self.bias, padding=self.reach)[:, :, : features.shape[2]]


class CodeConvolution(nn.Module):
    """A `RasterConvolution` with mask A over one-hot or embedded codes.

    Each tap reads a single code, so on the CPU the sum over channels is a table lookup (`convolve_codes`).
    On other devices the plain convolution is faster.

    Args:
        size: codebook size K.
        outputs: channels out.
        kernel: k, odd, at least 3.
        embedding_dim: length of a code's embedding; 0 = one-hot.
    """

    def __init__(self, size: int, outputs: int, *, kernel: int, embedding_dim: int) -> None:
        super().__init__()
        self.size = size
        self.embedding = nn.Embedding(size, embedding_dim) if embedding_dim else None
        self.convolution = RasterConvolution(embedding_dim or size, outputs, kernel=kernel, own_cell=False)
        if self.embedding is None:
            self.convolution.reset_parameters(1)

    @property
    def reach(self) -> int:
        """Number of rows above and columns to each side in the receptive field."""
        return self.convolution.reach

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (B, h, w) to (B, outputs, h, w)."""
        return self.look_up(codes) if codes.device.type == "cpu" else self.convolve(codes)

    def convolve(self, codes: Tensor) -> Tensor:
        """`forward` as a convolution over one-hot or embedded codes."""
        if self.embedding is not None:
            features = self.embedding(codes)  # (B, h, w, E)
        else:
            features = F.one_hot(codes, self.size).to(self.convolution.bias.dtype)  # (B, h, w, K)
        convolved: Tensor = self.convolution(features.permute(0, 3, 1, 2))
        return convolved

    def look_up(self, codes: Tensor) -> Tensor:
        """`forward` as a sum of table rows; channels last in memory."""
        convolved = convolve_codes(codes, self.tables(), kernel=self.convolution.kernel)
        return (convolved.permute(0, 2, 3, 1) + self.convolution.bias).permute(0, 3, 1, 2)

    def tables(self) -> Tensor:
        """The output of each tap for each code: (taps, K + 1, outputs), the last row for outside the grid.

        Taps are in raster order.
        """
        weights = torch.cat([self.convolution.above.flatten(2), self.convolution.beside.flatten(2)], dim=2)
        rows = weights.permute(2, 1, 0)  # (taps, inputs, outputs)
        if self.embedding is not None:
            with torch.autocast(rows.device.type, enabled=False):
                rows = self.embedding.weight @ rows  # (taps, K, outputs)
        return F.pad(rows, (0, 0, 0, 1))
