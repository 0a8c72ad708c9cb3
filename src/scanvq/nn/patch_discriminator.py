"""A discriminator of patches of images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLU below 0


class PatchDiscriminator(nn.Module):
    """Images to a logit for each patch, above 0 for real (PatchGAN, arXiv 1611.07004, section 3.2.2).

    Each of `channels` is a 4 x 4 convolution of stride 2 and a leaky ReLU; a 3 x 3 convolution gives the
    logits. Without normalization: statistics of a batch would hide differences in contrast.
    """

    def __init__(self, *, image_channels: int, channels: Sequence[int]) -> None:
        """
        Args:
            image_channels: C of the images.
            channels: width after each downsampling.
        """
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((image_channels, *channels)):
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE, inplace=True)]
        layers.append(nn.Conv2d(channels[-1], 1, 3, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, 1, h, w) in fp32."""
        logits: Tensor = self.layers(images)
        return logits.float()
