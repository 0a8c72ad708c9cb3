"""Groups of images by a condition: the values of a category, and bins of a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition

BINS = 4  # of a number, equally wide: the ends, which fail first, are groups of their own


@dataclass(frozen=True, kw_only=True)
class ConditionGroup:
    """The images with one value, or one range of values, of a condition.

    Attributes:
        condition: its name.
        name: the value, or "LOW to HIGH".
        category: index of the value; None for a range.
        low, high: of the range, without `high` but in the last bin; the first and the last bin also hold what
            lies beyond the training set.
    """

    condition: str
    name: str
    category: int | None = None
    low: float = -np.inf
    high: float = np.inf

    def __str__(self) -> str:
        return f"{self.condition} {self.name}"

    def members(self, conditions: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Indices of the images in the group; none where the condition is not known.

        Args:
            conditions: by name (n,), as in `Condition`.
        """
        values = conditions.get(self.condition)
        if values is None:
            return np.empty(0, np.int64)
        if self.category is not None:
            return np.flatnonzero(values == self.category)
        return np.flatnonzero((values >= self.low) & (values < self.high))


def condition_groups(space: ConditionSpace) -> tuple[ConditionGroup, ...]:
    """All groups of all conditions: each value of a category, four bins of a number."""
    return tuple(group for condition in space.conditions for group in _groups_of(condition))


def _groups_of(condition: CategoryCondition | NumberCondition) -> list[ConditionGroup]:
    if isinstance(condition, CategoryCondition):
        return [
            ConditionGroup(condition=condition.name, name=value, category=index)
            for index, value in enumerate(condition.values)
        ]
    edges = np.linspace(condition.low, condition.high, BINS + 1)
    return [
        ConditionGroup(
            condition=condition.name,
            name=f"{edges[place]:.4g} to {edges[place + 1]:.4g}",
            low=-np.inf if place == 0 else float(edges[place]),
            high=np.inf if place == BINS - 1 else float(edges[place + 1]),
        )
        for place in range(BINS)
    ]
