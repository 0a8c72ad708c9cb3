"""The abstract decoder of created images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

Noise = tuple[Tensor, ...]
"""Standard normal numbers, a tensor (B, ...) for each of `ImageDecoder.noise_shapes`."""

DecoderName = Literal["faithful", "natural"]
"""The decoder of the tokenizer, or the run's `ImageDecoder`."""

_STRIDE = 0x9E3779B97F4A7C15  # the golden ratio in 64 bits: streams of neighboring seeds do not overlap


class ImageDecoder(nn.Module, ABC):
    """A decoder of created images, beside the decoder of a tokenizer.

    What it adds is invented: it is never used for reconstructions, compression or scores of them.
    """

    @abstractmethod
    def forward(self, vectors: Tensor, noise: Noise) -> Tensor:
        """Vectors (B, D, h, w) of `Tokenizer.vectors`, and noise, to images (B, C, H, W), not clamped."""

    @abstractmethod
    def noise_shapes(self, height: int, width: int) -> tuple[tuple[int, ...], ...]:
        """The shapes of the noise of one image whose vectors have this height and width."""


def image_noise(shapes: tuple[tuple[int, ...], ...], seeds: tuple[int, ...]) -> Noise:
    """The noise of an image for each seed, on the CPU; it does not depend on the other images."""
    images = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed % 2**63)
        images.append([torch.randn(shape, generator=generator) for shape in shapes])
    return tuple(torch.stack([image[part] for image in images]) for part in range(len(shapes)))


def image_seeds(seed: int, count: int) -> tuple[int, ...]:
    """A seed for each image of a sample: that of image i depends on `seed` and on i alone."""
    return tuple((seed + (number + 1) * _STRIDE) % 2**63 for number in range(count))
