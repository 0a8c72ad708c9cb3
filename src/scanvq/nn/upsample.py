"""Upsampling layers by a factor of 2."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from scanvq.kernels.transposed_convolution import upsample_transposed

UpsampleKind = Literal["transposed", "shuffle", "nearest"]


def make_upsample(
    kind: UpsampleKind, inputs: int, outputs: int, *, kernel: int, bias: bool = True
) -> nn.Module:
    """(B, inputs, h, w) to (B, outputs, 2h, 2w).

    Args:
        kind: a transposed convolution of stride 2; a 3x3 convolution to 4 x outputs whose channels
            become pixels (arXiv 1609.05158); or nearest neighbors and a 3x3 convolution.
        inputs: channels in.
        outputs: channels out.
        kernel: of the transposed convolution: 2, 3 or 4.
        bias: whether the convolution has a bias; before batch normalization it has no effect.
    """
    if kind == "shuffle":
        return nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 3, padding=1, bias=bias), nn.PixelShuffle(2))
    if kind == "nearest":
        return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias))
    padding = (kernel - 1) // 2
    output_padding = 2 + 2 * padding - kernel  # 1 for kernel 3, else 0
    return _TransposedConvolution(
        inputs, outputs, kernel, stride=2, padding=padding, output_padding=output_padding, bias=bias
    )


class _TransposedConvolution(nn.ConvTranspose2d):
    """PyTorch's transposed convolution, computed by `upsample_transposed`."""

    def forward(self, features: Tensor) -> Tensor:  # type: ignore[override]  # no output_size: it is fixed
        """(B, inputs, h, w) to (B, outputs, 2h, 2w)."""
        return upsample_transposed(
            features,
            self.weight,
            self.bias,
            padding=int(self.padding[0]),
            output_padding=int(self.output_padding[0]),
        )
