"""How the conditions of a training set occur together, as smoothed counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from scanvq.conditions.condition import Condition

BINS = 10  # of a number, equally wide, from the lowest to the highest of the training set
MOST_CELLS = 20_000
SMOOTHING = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class JointDistribution:
    """Tables of counts over the values of categories and the bins of numbers, each with a cell for absent.

    All conditions stand in one table of at most MOST_CELLS cells. Where that would have more, each condition
    has a table of its own, and they are drawn independently of each other.

    To the counts of a table is added SMOOTHING of their sum, spread as if its conditions were independent.
    So a cell does not tell whether anybody is in it: every combination of values that occur has a count.

    Attributes:
        space: the conditions.
        tables: the counts, an axis a condition: one table in the space's order, or one a condition.
    """

    space: ConditionSpace
    tables: tuple[NDArray[np.float64], ...]

    @classmethod
    def measured(
        cls, space: ConditionSpace, values: Mapping[str, NDArray[np.int64] | NDArray[np.float32]]
    ) -> JointDistribution:
        """Counts what a training set has.

        Args:
            space: the conditions.
            values: by name, (n,) as in `scanvq.store.slice_conditions.SliceConditions`.
        """
        cells = [_cells(one, values[one.name]) for one in space.conditions]
        sizes = [_size(one) for one in space.conditions]
        if not cells:
            return cls(space=space, tables=())
        if math.prod(sizes) > MOST_CELLS:
            parts = [
                np.bincount(own, minlength=size).astype(np.float64)
                for own, size in zip(cells, sizes, strict=True)
            ]
            return cls(space=space, tables=tuple(parts))
        flat = np.ravel_multi_index(tuple(cells), tuple(sizes))
        counts = np.bincount(flat, minlength=math.prod(sizes)).reshape(sizes).astype(np.float64)
        return cls(space=space, tables=(_smoothed(counts),))

    def sample(self, count: int, generator: torch.Generator | None = None) -> Condition:
        """Draws the conditions of `count` samples: a cell, and within the bin of a number any value.

        Args:
            count: B.
            generator: of the CPU; None is torch's own.
        """
        import torch

        from scanvq.conditions.condition import Condition

        values: dict[str, Tensor] = {}
        conditions = iter(self.space.conditions)
        for table in self.tables:
            flat = torch.from_numpy(table.reshape(-1))
            drawn = torch.multinomial(flat, count, replacement=True, generator=generator)
            for cells in torch.unravel_index(drawn, table.shape):
                one = next(conditions)
                if isinstance(one, CategoryCondition):
                    values[one.name] = cells
                    continue
                bins = _size(one) - 1
                share = torch.rand(count, generator=generator, dtype=torch.float64)
                number = one.low + (one.high - one.low) * (cells + share) / bins
                values[one.name] = torch.where(cells == bins, math.nan, number).float()
        return Condition.of(values)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; the space is kept elsewhere. Counts have four digits."""
        return {
            "tables": [
                {"shape": list(table.shape), "counts": [float(f"{value:.4g}") for value in table.flat]}
                for table in self.tables
            ]
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], space: ConditionSpace) -> JointDistribution:
        """The inverse of `to_dict`. Raises ValueError for tables of another space."""
        tables = tuple(
            np.array(reported["counts"], np.float64).reshape(reported["shape"])
            for reported in record["tables"]
        )
        if [size for table in tables for size in table.shape] != [_size(one) for one in space.conditions]:
            raise ValueError(f"the joint distribution is not one of {space}")
        return cls(space=space, tables=tables)


def _size(one: CategoryCondition | NumberCondition) -> int:
    """How many cells a condition has; the last is for absent."""
    return (one.absent if isinstance(one, CategoryCondition) else BINS) + 1


def _cells(
    one: CategoryCondition | NumberCondition, values: NDArray[np.int64] | NDArray[np.float32]
) -> NDArray[np.int64]:
    """The cell of each value, (n,)."""
    if isinstance(one, CategoryCondition):
        return values.astype(np.int64)
    width = (one.high - one.low) / BINS or 1.0
    absent = np.isnan(values)
    bins = ((np.where(absent, one.low, values) - one.low) / width).astype(np.int64)
    return np.where(absent, BINS, bins.clip(0, BINS - 1))


def _smoothed(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts (...) and a share of their sum in the proportions of independent conditions."""
    total = counts.sum()
    if total == 0:
        raise ValueError("there are no slices whose conditions could be counted")
    axes = range(counts.ndim)
    marginals = [counts.sum(axis=tuple(axis for axis in axes if axis != own)) / total for own in axes]
    smoothed: NDArray[np.float64] = counts + SMOOTHING * total * reduce(np.multiply.outer, marginals)
    return smoothed
