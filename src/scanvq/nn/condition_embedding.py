"""Embedding of the conditions of a batch, shared by all priors."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace

OCTAVES = 6
"""Fourier features of a number: wavelengths of 8, 4, 2, ... standard deviations."""
HIDDEN_SPREAD = 0.3
"""Root mean square of the hidden features of a number, before training."""


def embedding_of(space: ConditionSpace, dim: int) -> ConditionEmbedding | None:
    """An embedding of width `dim`; None for an empty space."""
    return ConditionEmbedding(space, dim) if space.conditions else None


class ConditionEmbedding(nn.Module):
    """The sum of a vector for each condition; an absent condition has a learned vector, too.

    ```
    category ── embedding of K + 1 values, the last = absent ──────────────────┐
    number ── standardize ── z, sin and cos(2^k pi / 4 z) ── Linear SiLU Linear ┴ + ──▶ (B, dim)
    ```

    With labels as the only condition, it is a plain embedding table.

    Args:
        space: the conditions, at least one.
        dim: width of the vectors.

    Raises:
        ValueError: no conditions.
    """

    def __init__(self, space: ConditionSpace, dim: int) -> None:
        super().__init__()
        if not space.conditions:
            raise ValueError("there are no conditions to embed; leave the embedding out")
        self.space = space
        self.categories = nn.ModuleList(nn.Embedding(c.absent + 1, dim) for c in space.categories)
        self.numbers = nn.ModuleList(
            _NumberEmbedding(dim, mean=number.mean, std=number.std) for number in space.numbers
        )

    def reset(self, std: float) -> None:
        """Initializes the vectors of all categories and numbers again.

        Args:
            std: standard deviation of their elements, approximate for numbers; above 0. The default is 1.
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
            condition: of the batch; conditions that are not named, or all for None, are absent.
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
        mean: of the training set, in the unit of the number.
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
        """Initializes the last layer again, so that vectors have about this standard deviation."""
        nn.init.normal_(self.last.weight, std=std / (HIDDEN_SPREAD * math.sqrt(self.last.in_features)))
        nn.init.zeros_(self.last.bias)

    def forward(self, values: Tensor) -> Tensor:
        absent = values.isnan()[:, None]  # (B, 1)
        z = ((values - self.mean) / self.std).nan_to_num(0.0)[:, None]  # (B, 1)
        waves = z * (math.pi / 4 * 2.0 ** torch.arange(OCTAVES, device=z.device))  # (B, OCTAVES)
        features = torch.cat([z, waves.sin(), waves.cos()], dim=1)  # (B, 2 OCTAVES + 1)
        vectors: Tensor = self.last(F.silu(self.first(features.to(self.absent.dtype))))  # (B, dim)
        return torch.where(absent, self.absent.to(vectors.dtype), vectors)
