"""A decoder that adds texture to what the tokenizer's own decoder gives."""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.decoders.image_decoder import ImageDecoder, Noise
from scanvq.spec import Derived

SLOPE = 0.2  # of the leaky ReLU below 0


class NaturalDecoder(ImageDecoder):
    """Images of the faithful decoder to images with the texture of scans.

    The faithful decoder, that of the tokenizer, averages over everything that the codes do not hold, such as
    noise: its images are smooth. This network adds a residual, computed from its image and from noise at n
    resolutions (as in StyleGAN, arXiv 1812.04948, section 3.2). With n = 2 and c = channels:

        image (1, H, W) ─ s2d 4 ─ conv ▸ c1 ─ residual blocks ─ scale, shift ─ 1x1, d2s ─┐
                                    ▴ noise (N, H/4, W/4)  └─ mean ─▴─ noise (Z)         │
                        ─ s2d 2 ───────────────────────────────────────────── conv ▸ c2 ◂┘ ─ scale, shift
                                                         noise (N, H/2, W/2) ▴                  │
                        ─ + ◂─────────────────────────────────────────────── conv, d2s ▸ 1 ◂────┘

    s2d moves blocks of pixels into channels, d2s the reverse. Scale and shift of each channel come from the
    mean features of the whole image, so that its texture is the same everywhere. The last convolution begins
    with 0: an untrained network returns its input. The texture is invented: it follows the distribution of
    the training scans, not any particular scan.
    """

    def __init__(
        self,
        *,
        channels: tuple[PositiveInt, ...] = (32, 24),
        residual_blocks: PositiveInt = 2,
        noise_channels: PositiveInt = 4,
        style_dim: PositiveInt = 8,
        image_channels: Derived[int] = 1,
    ) -> None:
        """
        Args:
            channels: width at each resolution, coarse to fine; the last is half the resolution of the image.
            residual_blocks: at the coarsest resolution.
            noise_channels: N of the noise at each resolution.
            style_dim: Z of the noise of the whole image.
            image_channels: C of the images.

        Raises:
            ValueError: no channels.
        """
        super().__init__()
        if not channels:
            raise ValueError("channels is empty; give the width at each resolution, such as (32, 24)")
        self.noise_channels, self.style_dim = noise_channels, style_dim
        self.factors = tuple(2 ** (number + 1) for number in reversed(range(len(channels))))
        carried = (0, *channels[1:])
        self.stages = nn.ModuleList(
            nn.Conv2d(image_channels * factor**2 + before + noise_channels, width, 3, padding=1)
            for factor, before, width in zip(self.factors, carried, channels, strict=True)
        )
        self.blocks = nn.ModuleList(
            nn.Conv2d(channels[0], channels[0], 3, padding=1) for _ in range(residual_blocks)
        )
        self.styles = nn.ModuleList(nn.Linear(channels[0] + style_dim, 2 * width) for width in channels)
        self.expansions = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for coarse, fine in pairwise(channels))
        self.last = nn.Conv2d(channels[-1], 4 * image_channels, 3, padding=1)
        for layer in (self.last, *self.styles):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(self, faithful: Tensor, noise: Noise) -> Tensor:
        """Images (B, C, H, W) of the faithful decoder, and noise, to images, not clamped."""
        padded, (height, width) = self._padded(faithful), faithful.shape[-2:]
        features: Tensor | None = None
        pooled: Tensor | None = None
        for number, (factor, stage) in enumerate(zip(self.factors, self.stages, strict=True)):
            inputs = [F.pixel_unshuffle(padded, factor), noise[number + 1]]
            if features is not None:
                inputs.append(F.pixel_shuffle(self.expansions[number - 1](features), 2))
            features = F.leaky_relu(stage(torch.cat(inputs, 1)), SLOPE)  # (B, c, h, w)
            if pooled is None:
                for block in self.blocks:
                    features = features + F.leaky_relu(block(features), SLOPE)
                pooled = torch.cat([features.mean(dim=(2, 3)), noise[0]], 1)  # (B, c1 + Z)
            scale, shift = self.styles[number](pooled)[..., None, None].chunk(2, dim=1)
            features = features * (1 + scale) + shift
        residual = F.pixel_shuffle(self.last(features), 2)[..., :height, :width]  # (B, C, H, W)
        return faithful + residual.float()

    def noise_shapes(self, height: int, width: int) -> tuple[tuple[int, ...], ...]:
        """The shapes of the noise of one image of this size: (Z,), then (N, h, w) for each resolution."""
        largest = self.factors[0]
        rows, columns = -(-height // largest), -(-width // largest)
        grids = [(rows * largest // factor, columns * largest // factor) for factor in self.factors]
        return ((self.style_dim,), *((self.noise_channels, *grid) for grid in grids))

    def _padded(self, images: Tensor) -> Tensor:
        """Images with their border repeated up to a size that the coarsest resolution divides."""
        height, width = images.shape[-2:]
        missing = (-width % self.factors[0], -height % self.factors[0])
        return F.pad(images, (0, missing[0], 0, missing[1]), mode="replicate") if any(missing) else images
