"""The generator of DCGAN for maps of any size and depth."""

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
    """Noise to a map in [-1, 1], by transposed convolutions (DCGAN, arXiv 1511.06434, section 3).

    With n doublings (4 for a grid of 64 x 64) and c = channels:

        noise (B, Z) + vectors ─▸ start, c 2^(n-1) ─ double ▸ c 2^(n-2) ─ ... ─ double ▸ c ─ double ▸ D ─ Tanh

    Batch normalization and ReLU follow each layer but the last. The vectors are those of conditions.
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
            channels: width before the last doubling; each earlier layer has twice that of the next.
            code_dim: D, the depth of the map.
            height: h of the map.
            width: w of the map.
            conditions: those that it learns; none = unconditional.
        """
        super().__init__()
        self.grid = DCGANGridSize(height=height, width=width)
        doublings = self.grid.doublings
        widths = [channels * 2**halvings for halvings in reversed(range(doublings))]
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
        """Noise (B, Z) and what is asked for, None = anything, to maps (B, D, h, w)."""
        if self.condition is not None:
            noise = noise + self.condition(condition, len(noise))
        grown: Tensor = self.layers(noise[:, :, None, None])  # (B, D, start * 2^n)
        return self.grid.crop(grown)  # (B, D, h, w)
