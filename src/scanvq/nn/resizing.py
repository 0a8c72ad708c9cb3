"""Runs of halvings and doublings: the two ends of a convolutional autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.nn.doubling import Doubling, make_doubling
from scanvq.nn.normalization import Normalization, make_norm

FEW = 4  # channels, of an image and not of features


class _FoldedConvolution(nn.Conv2d):
    """A 4x4 convolution of stride 2, computed as a 2x2 one over the four pixels of each cell.

    With one channel in, the gradient of its weights takes a third of the time on a CPU.
    """

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) of even height and width to (B, outputs, H / 2, W / 2)."""
        folded = F.pixel_unshuffle(F.pad(images, (1, 1, 1, 1)), 2)  # (B, 4 C, H / 2 + 1, W / 2 + 1)
        outputs, inputs = self.weight.shape[:2]
        weight = self.weight.view(outputs, inputs, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4)
        return F.conv2d(folded, weight.reshape(outputs, 4 * inputs, 2, 2), self.bias)


def halvings(widths: Sequence[int], *, kernel: int, norm: Normalization) -> list[nn.Module]:
    """Layers from (B, widths[0], H, W) to (B, widths[-1], H / 2^n, W / 2^n), n = len(widths) - 1.

    Each halving is a convolution of stride 2, normalization, ReLU.

    Args:
        widths: channels before and after each halving.
        kernel: of the convolutions: 3 or 4.
        norm: after each; a convolution before batch normalization has no bias.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        kind = _FoldedConvolution if kernel == 4 and inputs <= FEW else nn.Conv2d
        layers += [kind(inputs, outputs, kernel, stride=2, padding=1, bias=norm != "batch")]
        layers += [make_norm(norm, outputs), nn.ReLU(inplace=True)]
    return layers


def doublings(widths: Sequence[int], *, kind: Doubling, kernel: int, norm: Normalization) -> list[nn.Module]:
    """Layers from (B, widths[0], h, w) to (B, widths[-1], 2^n h, 2^n w): doubling, normalization, ReLU.

    Args:
        widths: channels before and after each doubling.
        kind: as in `make_doubling`.
        kernel: of transposed convolutions.
        norm: as in `halvings`.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [make_doubling(kind, inputs, outputs, kernel=kernel, bias=norm != "batch")]
        layers += [make_norm(norm, outputs), nn.ReLU(inplace=True)]
    return layers
