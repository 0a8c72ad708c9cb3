"""Layers that double the height and width of a feature grid."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

UpsampleKind = Literal["transposed", "shuffle", "nearest"]
_FEW = 4  # channels out, up to which PyTorch's transposed convolution leaves most of a CPU idle


def make_doubling(
    kind: UpsampleKind, inputs: int, outputs: int, *, kernel: int, bias: bool = True
) -> nn.Module:
    """(B, inputs, h, w) to (B, outputs, 2h, 2w).

    Args:
        kind: a transposed convolution of stride 2; a 3x3 convolution to 4 x outputs whose channels
            become pixels (arXiv 1609.05158); or nearest neighbors and a 3x3 convolution.
        inputs: channels in.
        outputs: channels out.
        kernel: of the transposed convolution: 2, 3 or 4.
        bias: whether the convolution has one; before batch normalization it would do nothing.
    """
    if kind == "shuffle":
        return nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 3, padding=1, bias=bias), nn.PixelShuffle(2))
    if kind == "nearest":
        return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias))
    padding = (kernel - 1) // 2
    extra = 2 + 2 * padding - kernel  # output_padding: 1 for kernel 3, else 0
    return _TransposedConvolution(
        inputs, outputs, kernel, stride=2, padding=padding, output_padding=extra, bias=bias
    )


class _TransposedConvolution(nn.ConvTranspose2d):
    """PyTorch's, with the bias added afterwards, and to few channels by another way.

    Inside, the bias's gradient takes longer on a CPU than the weights' in bf16; outside, a hundredth of it.
    """

    def forward(self, features: Tensor) -> Tensor:  # type: ignore[override]  # no output_size: it is fixed
        """(B, inputs, h, w) to (B, outputs, 2h, 2w)."""
        if self.out_channels <= _FEW and self.kernel_size == (4, 4) and features.device.type == "cpu":
            doubled = _to_few(features, self.weight)
        else:
            doubled = F.conv_transpose2d(
                features,
                self.weight,
                stride=self.stride,
                padding=self.padding,  # type: ignore[arg-type]  # numbers: make_doubling gives no "same"
                output_padding=self.output_padding,
            )
        return doubled if self.bias is None else doubled.add_(self.bias.to(doubled.dtype)[:, None, None])


def _to_few(features: Tensor, weight: Tensor) -> Tensor:
    if torch.is_autocast_enabled(features.device.type):
        kind = torch.get_autocast_dtype(features.device.type)
        features, weight = features.to(kind), weight.to(kind)
    return _ToFew.apply(features, weight)


class _ToFew(torch.autograd.Function):
    """The transposed convolution of kernel 4, stride 2 and padding 1, forward by another way.

    Each pixel out sees 2x2 pixels in, and four pixels out see the same ones: a 2x2 convolution makes these
    four as channels, (h + 1) x (w + 1) times, and they are put in their places.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        batch, _, height, width = features.shape
        inputs, outputs = weight.shape[:2]
        taps = weight.flip(2, 3).reshape(inputs, outputs, 2, 2, 2, 2)  # (C, O, tap y, y, tap x, x)
        taps = taps.permute(3, 5, 1, 0, 2, 4).reshape(4 * outputs, inputs, 2, 2)
        fours = F.conv2d(features, taps, padding=1).unflatten(1, (2, 2, outputs))
        doubled = features.new_empty(batch, outputs, 2 * height, 2 * width)
        for y in range(2):
            for x in range(2):
                doubled[:, :, y::2, x::2] = fours[:, y, x, :, y : y + height, x : x + width]
        return doubled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        features, weight = ctx.saved_tensors
        to_features, to_weight, _ = torch.ops.aten.convolution_backward(
            gradient,
            features,
            weight,
            None,
            [2, 2],
            [1, 1],
            [1, 1],
            True,
            [0, 0],
            1,
            [*ctx.needs_input_grad, False],
        )
        return to_features, to_weight
