"""The generator of DCGAN, for maps of any size and depth."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.nn.batch_norm import BatchNorm
from scanvq.nn.condition_embedding import embedding_of
from scanvq.nn.dcgan_grid_size import DCGANGridSize

SPREAD = 0.02  # standard deviation of the first weights, as in DCGAN


class DCGANGenerator(nn.Module):
    """Noise to maps in [-1, 1], by transposed convolutions (DCGAN, arXiv 1511.06434, section 3).

    With n upsamplings (4 for a grid of 64 x 64) and c = channels:

        noise (B, Z) + conditions ─▸ start, c 2^(n-1) ─ up ▸ c 2^(n-2) ─ ... ─ up ▸ c ─ up ▸ D ─ Tanh

    Batch normalization and ReLU follow each layer but the last. Conditions are embedded in Z dimensions.
    """

    def __init__(
        self,
        *,
        noise_dim: int,
        channels: int,
        code_dim: int,
        height: int,
        width: int,
        conditions: ConditionSpace,
    ) -> None:
        """
        Args:
            noise_dim: Z.
            channels: width before the last upsampling; each earlier layer has twice the width of the next.
            code_dim: D, the depth of the map.
            height: h of the map.
            width: w of the map.
            conditions: conditions of the prior; empty = unconditional.
        """
        super().__init__()
        self.grid = DCGANGridSize(height=height, width=width)
        widths = [channels * 2**number for number in reversed(range(self.grid.upsamplings))]
        self.condition = embedding_of(conditions, noise_dim)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(noise_dim, widths[0], self.grid.start, bias=False),
            BatchNorm(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for inputs, outputs in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
                BatchNorm(outputs),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], code_dim, 4, stride=2, padding=1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, 0, SPREAD)

    def forward(self, noise: Tensor, condition: Condition | None) -> Tensor:
        """Noise (B, Z) and conditions, None = all absent, to maps (B, D, h, w)."""
        if self.condition is not None:
            noise = noise + self.condition(condition, len(noise))
        maps: Tensor = self.layers(noise[:, :, None, None])  # (B, D, start * 2^n)
        return self.grid.crop(maps)  # (B, D, h, w)
