"""Downsampling and upsampling layers of convolutional autoencoders."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from scanvq.nn.normalization import Normalization, make_norm
from scanvq.nn.upsample import UpsampleKind, make_upsample


def downsampling_layers(widths: Sequence[int], *, kernel: int, norm: Normalization) -> list[nn.Module]:
    """Layers from (B, widths[0], H, W) to (B, widths[-1], H / 2^n, W / 2^n), n = len(widths) - 1.

    Each downsampling is a convolution of stride 2, normalization, ReLU.

    Args:
        widths: channels before and after each downsampling.
        kernel: of the convolutions: 3 or 4.
        norm: after each; a convolution before batch normalization has no bias.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, kernel, stride=2, padding=1, bias=norm != "batch")]
        layers += [make_norm(norm, outputs), nn.ReLU(inplace=True)]
    return layers


def upsampling_layers(
    widths: Sequence[int], *, kind: UpsampleKind, kernel: int, norm: Normalization
) -> list[nn.Module]:
    """Layers from (B, widths[0], h, w) to (B, widths[-1], 2^n h, 2^n w): upsampling, normalization, ReLU.

    Args:
        widths: channels before and after each upsampling.
        kind: as in `make_upsample`.
        kernel: of transposed convolutions.
        norm: as in `downsampling_layers`.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [make_upsample(kind, inputs, outputs, kernel=kernel, bias=norm != "batch")]
        layers += [make_norm(norm, outputs), nn.ReLU(inplace=True)]
    return layers
