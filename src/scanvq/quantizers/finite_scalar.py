"""Finite scalar quantization: every channel is rounded to one of a few values, without a codebook."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from scanvq.quantizers.feature_rows import look_up, rows_of
from scanvq.types import Codes, Quantized, Quantizer

MOST_CODES = 2**20
SLOPE = 1.6  # of the bound 2 sigmoid(1.6 x) - 1: normal features then use all values about equally


class FiniteScalarQuantizer(Quantizer):
    """Bounds every channel, then rounds it (arXiv 2309.15505, with the bound of arXiv 2601.17124).

    Channel d with n values: y = (n - 1) / 2 (2 sigmoid(1.6 x) - 1), rounded to a whole number (n odd) or to a
    half (n even), then divided by (n - 1) / 2, so that vectors are in [-1, 1]. The gradient of the rounding
    passes straight through. A code is the mixed-radix number of its channels' values, the first channel most
    significant; every code is used from the first step on, and there are no further losses.

    Computed in float32, whatever the precision of the features.
    """

    def __init__(self, *, values: tuple[int, ...] = (8, 8, 8)) -> None:
        """
        Args:
            values: number of values of each channel; their product is the codebook size K, their number the
                channels D of the features.

        Raises:
            ValueError: no channel, a channel with a single value, or more than 2^20 codes.
        """
        super().__init__()
        if not values or min(values) < 2:
            raise ValueError(f"values is {values}; give 2 or more values for each channel")
        size = math.prod(values)
        if size > MOST_CODES:
            raise ValueError(f"values is {values}: {size:,} codes; at most {MOST_CODES:,} are possible")
        self.codebook_sizes = (size,)
        self.dim = len(values)
        half = (torch.tensor(values, dtype=torch.float32) - 1) / 2
        places = [math.prod(values[channel + 1 :]) for channel in range(len(values))]
        self.register_buffer("reach", half, persistent=False)  # (D,)
        self.register_buffer("places", torch.tensor(places), persistent=False)  # (D,)
        digits = torch.arange(size)[:, None] // self.places % torch.tensor(values)
        self.register_buffer("codebook", (digits - half) / half, persistent=False)  # (K, D)

    reach: Tensor
    places: Tensor
    codebook: Tensor

    def forward(self, features: Tensor) -> Quantized:
        """Features (B, D, h, w) to vectors and codes. Raises ValueError for another number of channels."""
        rows_of(features, self.dim)
        half = self.reach[:, None, None]
        bounded = half * (2 * torch.sigmoid(SLOPE * features.float()) - 1)  # (B, D, h, w)
        digits = torch.round(bounded.detach() + half)  # 0 to n - 1
        codes = (digits.long() * self.places[:, None, None]).sum(1)
        exact = self.embed((codes,))
        smooth = bounded / half
        vectors = exact + (smooth - smooth.detach())
        return Quantized(vectors=vectors.to(features.dtype), codes=(codes,))

    def embed(self, codes: Codes) -> Tensor:
        """Codes ((B, h, w),) to vectors (B, D, h, w)."""
        (grid,) = codes
        return look_up(self.codebook, grid)
