"""The conditions of a batch as vectors, for every prior the same way."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace

OCTAVES = 6
"""Fourier features of a number: waves of 8, 4, 2, ... standard deviations."""
HIDDEN_SPREAD = 0.3
"""Root mean square of the hidden features of a number, before training."""


def embedding_of(space: ConditionSpace, dim: int) -> ConditionEmbedding | None:
    """An embedding of width `dim`; None where there are no conditions."""
    return ConditionEmbedding(space, dim) if space.conditions else None


class ConditionEmbedding(nn.Module):
    """The sum of a vector for each condition; what is absent has a learned vector of its own.

    ```
    category ── embedding of K + 1 values, the last = absent ──────────────────┐
    number ── standardize ── z, sin and cos(2^k pi / 4 z) ── Linear SiLU Linear ┴ + ──▶ (B, dim)
    ```

    A run that knows labels alone has one embedding of its labels and nothing else.

    Args:
        space: the conditions that the run knows, at least one.
        dim: width of the vectors.

    Raises:
        ValueError: no conditions.
    """

    def __init__(self, space: ConditionSpace, dim: int) -> None:
        super().__init__()
        if not space.conditions:
            raise ValueError("there are no conditions to embed")
        self.space = space
        self.categories = nn.ModuleList(nn.Embedding(one.absent + 1, dim) for one in space.categories)
        self.numbers = nn.ModuleList(
            _NumberEmbedding(dim, mean=one.mean, std=one.std) for one in space.numbers
        )

    def reset(self, std: float) -> None:
        """Draws the vectors of all category values and numbers anew.

        Args:
            std: of their elements, which have mean 0, about so for numbers; above 0. A new embedding has 1.
        """
        for embedding in self.categories:
            assert isinstance(embedding, nn.Embedding)
            nn.init.normal_(embedding.weight, std=std)
        for embedding in self.numbers:
            assert isinstance(embedding, _NumberEmbedding)
            embedding.reset(std)

    def forward(self, condition: Condition | None, count: int) -> Tensor:
        """Vectors (B, dim).

        Args:
            condition: of the batch; None, or what it does not name, is absent.
            count: B.
        """
        condition = condition or Condition()
        device = next(self.parameters()).device
        vectors = []
        for category, embedding in zip(self.space.categories, self.categories, strict=True):
            given = condition.categories.get(category.name)
            values = torch.full((count,), category.absent, device=device) if given is None else given
            vectors.append(embedding(values.to(device)))  # (B, dim)
        for number, embedding in zip(self.space.numbers, self.numbers, strict=True):
            given = condition.numbers.get(number.name)
            values = torch.full((count,), math.nan, device=device) if given is None else given
            vectors.append(embedding(values.to(device)))  # (B, dim)
        total: Tensor = vectors[0]
        for vector in vectors[1:]:
            total = total + vector
        return total


class _NumberEmbedding(nn.Module):
    """Numbers (B,) to vectors (B, dim); NaN is absent.

    Args:
        dim: width of the vectors.
        mean: of the training set, in the number's own unit.
        std: of the training set, above 0.
    """

    def __init__(self, dim: int, *, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std
        self.first = nn.Linear(2 * OCTAVES + 1, dim)
        self.last = nn.Linear(dim, dim)
        self.absent = nn.Parameter(torch.zeros(dim))
        self.reset(1.0)

    def reset(self, std: float) -> None:
        """Draws the last layer anew, so that vectors have about this standard deviation."""
        nn.init.normal_(self.last.weight, std=std / (HIDDEN_SPREAD * math.sqrt(self.last.in_features)))
        nn.init.zeros_(self.last.bias)

    def forward(self, values: Tensor) -> Tensor:
        absent = values.isnan()[:, None]  # (B, 1)
        z = ((values - self.mean) / self.std).nan_to_num(0.0)[:, None]  # (B, 1)
        waves = z * (math.pi / 4 * 2.0 ** torch.arange(OCTAVES, device=z.device))  # (B, OCTAVES)
        features = torch.cat([z, waves.sin(), waves.cos()], dim=1)  # (B, 2 OCTAVES + 1)
        vectors: Tensor = self.last(F.silu(self.first(features.to(self.absent.dtype))))  # (B, dim)
        return torch.where(absent, self.absent.to(vectors.dtype), vectors)
