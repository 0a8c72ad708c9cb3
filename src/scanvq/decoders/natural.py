"""A decoder that adds texture to what the tokenizer's own decoder gives."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from scanvq.decoders.image_decoder import ImageDecoder, Noise
from scanvq.spec import Derived
from scanvq.types import Tokenizer

SLOPE = 0.2  # of the leaky ReLU below 0


@dataclass(frozen=True, kw_only=True)
class Upsampling:
    """A layer of a decoder that makes its input larger, or the last one.

    Attributes:
        layer: its number.
        channels: of its input.
        scale: of its input: how much larger than the vectors.
        factor: by how much it makes it larger.
        outputs: channels of its output.
    """

    layer: int
    channels: int
    scale: int
    factor: int
    outputs: int


class NaturalDecoder(ImageDecoder):
    """A copy of the tokenizer's decoder, with noise at every resolution (arXiv 1812.04948, section 3.2).

    The tokenizer's decoder, the faithful one, averages over everything that the codes do not hold, such as
    noise: its images are smooth. The copy learns to add that back. Before each layer that doubles,

        features (c, h, w) ─┬─────────────────────────────────────── + ─▸ the layer
                  noise (N) ┴ conv ▸ c ─ leaky ReLU ─ conv ▸ c ──────┘

    and the features before the last layer give, in the same way, a residual of the image itself. The first of
    these also has noise for the whole image (Z). All last convolutions begin with 0: an untrained decoder
    gives the images of the tokenizer's decoder. Texture is invented: it follows the distribution of the
    training scans, not any particular scan.
    """

    def __init__(
        self,
        *,
        noise_channels: PositiveInt = 4,
        style_dim: PositiveInt = 8,
        residual_channels: PositiveInt = 24,
        tokenizer: Derived[Tokenizer],
    ) -> None:
        """
        Args:
            noise_channels: N of the noise at each resolution.
            style_dim: Z of the noise of the whole image.
            residual_channels: width of the branch that makes the residual of the image.
            tokenizer: whose decoder is copied.
        """
        super().__init__()
        self.noise_channels, self.style_dim = noise_channels, style_dim
        self.mean, self.std = tokenizer.input_mean, tokenizer.input_std
        self.layers = deepcopy(tokenizer.decoder).train().requires_grad_(True)
        *self.doublings, self.last = _upsamplings(tokenizer)
        if self.last.factor > 1:
            self.doublings.append(self.last)
        self.branches = nn.ModuleList(
            _branch(one.channels + noise_channels, one.channels, one.channels) for one in self.doublings
        )
        self.style = nn.Linear(style_dim, self.doublings[0].channels)
        outputs = self.last.factor**2 * self.last.outputs  # made pixels by a shuffle
        self.residual = _branch(self.last.channels + noise_channels, residual_channels, outputs)
        for parameter in self.style.parameters():
            nn.init.zeros_(parameter)

    def forward(self, vectors: Tensor, noise: Noise) -> Tensor:
        """Vectors (B, D, h, w) and noise to images (B, C, H, W), not clamped."""
        features, residual, branch = vectors, vectors, 0
        for number, layer in enumerate(self.layers):
            if branch < len(self.doublings) and number == self.doublings[branch].layer:
                seen = torch.cat([features, noise[branch + 1]], 1)
                features = features + self.branches[branch](seen)
                if branch == 0:
                    features = features + self.style(noise[0])[..., None, None]
                branch += 1
            if number == self.last.layer:
                seen = torch.cat([features, noise[-1]], 1)
                residual = F.pixel_shuffle(self.residual(seen), self.last.factor)
            features = layer(features)
        return features.float() * self.std + self.mean + residual.float()

    def noise_shapes(self, height: int, width: int) -> tuple[tuple[int, ...], ...]:
        """(Z,), then (N, h, w) before each doubling and before the last layer."""
        scales = [one.scale for one in (*self.doublings, self.last)]
        grids = [(self.noise_channels, height * scale, width * scale) for scale in scales]
        return ((self.style_dim,), *grids)


def _branch(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two convolutions, the second of which begins with 0."""
    last = nn.Conv2d(width, outputs, 3, padding=1)
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), nn.LeakyReLU(SLOPE), last)


@torch.no_grad()
def _upsamplings(tokenizer: Tokenizer) -> list[Upsampling]:
    """The layers of a decoder that make features larger, and its last one, as a small image shows."""
    device = next(tokenizer.parameters()).device
    shapes = tokenizer.code_shapes(tokenizer.multiple, tokenizer.multiple)
    codes = tuple(torch.zeros(1, *shape, dtype=torch.int64, device=device) for shape in shapes)
    features = tokenizer.vectors(codes)
    smallest, found = features.shape[-1], []
    layers = deepcopy(tokenizer.decoder).eval()  # statistics of batches stay as they are
    for number, layer in enumerate(layers):
        larger = layer(features)
        factor = larger.shape[-1] // features.shape[-1]
        if factor > 1 or number == len(layers) - 1:
            scale = features.shape[-1] // smallest
            found.append(
                Upsampling(
                    layer=number,
                    channels=features.shape[1],
                    scale=scale,
                    factor=factor,
                    outputs=larger.shape[1],
                )
            )
        features = larger
    return found
