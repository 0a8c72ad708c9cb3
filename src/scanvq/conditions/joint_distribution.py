"""How the conditions of a training set occur together, as smoothed counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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

    def sample(
        self,
        count: int,
        generator: torch.Generator | None = None,
        *,
        wishes: Mapping[str, int | float] | None = None,
    ) -> Condition:
        """Draws the conditions of `count` samples: a cell, and within the bin of a number any value.

        Sample i depends on the generator's seed and on i alone.

        Args:
            count: B.
            generator: of the CPU; None is torch's own.
            wishes: values of `ConditionSpace.values`, which every sample gets; the other conditions are drawn
                given those. A wish that no slice of the training set is near tells nothing of the others.
        """
        import torch

        from scanvq.conditions.condition import Condition

        wishes = wishes or {}
        columns = len(self.tables) + len(self.space.numbers)
        uniform = torch.rand(count, columns, dtype=torch.float64, generator=generator).T  # (columns, B)
        names = [one.name for one in self.space.numbers]
        shares = dict(zip(names, uniform[len(self.tables) :], strict=True))
        values: dict[str, Tensor] = {}
        conditions = iter(self.space.conditions)
        for table, own in zip(self.tables, uniform[: len(self.tables)], strict=True):
            axes = [next(conditions) for _ in range(table.ndim)]
            free = [one for one in axes if one.name not in wishes]
            for one, cells in zip(free, _drawn(_given(table, axes, wishes), own), strict=True):
                values[one.name] = (
                    cells if isinstance(one, CategoryCondition) else _within(one, cells, shares[one.name])
                )
        for name, value in wishes.items():
            dtype = torch.float32 if name in shares else torch.int64
            values[name] = torch.full((count,), value, dtype=dtype)
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


def _given(
    table: NDArray[np.float64],
    axes: Sequence[CategoryCondition | NumberCondition],
    wishes: Mapping[str, int | float],
) -> NDArray[np.float64]:
    """The counts of the axes that are not wished for, where the others have the wished-for values."""
    left = table
    for axis in reversed(range(len(axes))):
        one = axes[axis]
        if one.name in wishes:
            wish = wishes[one.name]
            known = np.array([wish], np.int64) if isinstance(wish, int) else np.array([wish], np.float32)
            own = left.take(_cells(one, known)[:1], axis=axis)
            left = (own if own.any() else left).sum(axis=axis)
    return left


def _drawn(table: NDArray[np.float64], uniform: Tensor) -> tuple[Tensor, ...]:
    """The cells of each sample, (B,) an axis, by the inverse of the cumulative counts at `uniform` (B,)."""
    import torch

    if not table.ndim:
        return ()
    cumulative = torch.from_numpy(table.reshape(-1)).cumsum(0)
    flat = torch.searchsorted(cumulative, uniform * cumulative[-1], right=True)
    return torch.unravel_index(flat.clamp(max=len(cumulative) - 1), table.shape)


def _within(one: NumberCondition, cells: Tensor, share: Tensor) -> Tensor:
    """Numbers (B,) float32 at `share` of the width of their bins; NaN in the cell for absent."""
    import torch

    number = one.low + (one.high - one.low) * (cells + share) / BINS
    return torch.where(cells == BINS, math.nan, number).float()
