"""The discriminator of DCGAN, for maps of any size and depth."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.nn.batch_norm import BatchNorm
from scanvq.nn.condition_embedding import ConditionEmbedding, embedding_of
from scanvq.nn.dcgan_generator import SPREAD
from scanvq.nn.dcgan_grid_size import DCGANGridSize

SLOPE = 0.2  # of the leaky ReLU below 0


class DCGANDiscriminator(nn.Module):
    """Maps to logits, above 0 for real (DCGAN, arXiv 1511.06434, section 3).

    With n downsamplings (4 for a grid of 64 x 64) and c = channels:

        map (B, D, h, w) ─ down ▸ c ─ down ▸ 2c ─ ... ─ down ▸ c 2^(n-1), start ─┬─▸ 1
                                                             sum over cells · conditions ─┘

    A downsampling is a 4 x 4 convolution of stride 2, batch normalization (except in the first layer), and
    a leaky ReLU. Batch statistics are used in evaluation too: real and generated maps are in separate
    batches, and running statistics over both would fit neither. Conditions are added by projection
    (arXiv 1802.05637, section 3).
    """

    def __init__(
        self, *, channels: int, code_dim: int, height: int, width: int, conditions: ConditionSpace
    ) -> None:
        """
        Args:
            channels: width after the first downsampling; each later downsampling doubles it.
            code_dim: D, the depth of the map.
            height: h of the map.
            width: w of the map.
            conditions: conditions of the prior; empty = unconditional.
        """
        super().__init__()
        self.grid = DCGANGridSize(height=height, width=width)
        widths = [code_dim, *(channels * 2**number for number in range(self.grid.upsamplings))]
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False))
            layers += [BatchNorm(outputs, running=False)] if number else []
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
        self.layers = nn.Sequential(*layers)
        self.score = nn.Conv2d(widths[-1], 1, self.grid.start, bias=False)
        self.condition = embedding_of(conditions, widths[-1])
        for part in (*self.layers, self.score, self.condition):
            if isinstance(part, nn.Conv2d):
                nn.init.normal_(part.weight, 0, SPREAD)
            if isinstance(part, ConditionEmbedding):
                part.reset(SPREAD)

    def forward(self, maps: Tensor, condition: Condition | None) -> Tensor:
        """Maps (B, D, h, w) and conditions, None = all absent, to logits (B,)."""
        features = self.layers(self.grid.pad(maps))  # (B, c 2^(n-1), start)
        score: Tensor = self.score(features).flatten()  # (B,)
        if self.condition is not None:
            projection = self.condition(condition, len(maps)) * features.sum(dim=(2, 3))
            score = score + projection.sum(dim=1)
        return score
