"""Joint distribution of the conditions of a training set, as smoothed counts."""

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

BINS = 10  # of a number, equally wide, from the minimum to the maximum of the training set
MAX_CELLS = 20_000
SMOOTHING = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class JointDistribution:
    """Tables of counts over the values of categories and the bins of numbers, each with a cell for absent.

    A single table of at most MAX_CELLS cells has all conditions as its axes. If it would have more cells,
    each condition gets a separate table, and conditions are sampled independently of each other.

    The counts are smoothed: SMOOTHING times their sum is added in the proportions of independent conditions.
    Every combination of occurring values therefore has a count above 0, and a cell does not reveal whether
    a subject of the training set has this combination.

    Attributes:
        space: the conditions.
        tables: the counts: a single table with an axis per condition in the order of `space`, or a table
            per condition.
    """

    space: ConditionSpace
    tables: tuple[NDArray[np.float64], ...]

    @classmethod
    def measure(
        cls, space: ConditionSpace, values: Mapping[str, NDArray[np.int64] | NDArray[np.float32]]
    ) -> JointDistribution:
        """Counts the condition values of a training set.

        Args:
            space: the conditions.
            values: by name, (n,), see `scanvq.store.slice_conditions.SliceConditions`.
        """
        cells = [_cells(condition, values[condition.name]) for condition in space.conditions]
        sizes = [_size(condition) for condition in space.conditions]
        if not cells:
            return cls(space=space, tables=())
        if math.prod(sizes) > MAX_CELLS:
            parts = [
                np.bincount(column, minlength=size).astype(np.float64)
                for column, size in zip(cells, sizes, strict=True)
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
        requested: Mapping[str, int | float] | None = None,
    ) -> Condition:
        """Samples conditions: cells by their counts, and numbers uniformly within their bins.

        Sample i depends on the seed of the generator and on i alone.

        Args:
            count: B.
            generator: on the CPU; None = PyTorch's default generator.
            requested: values as returned by `ConditionSpace.values`, the same for every sample; the other
                conditions are sampled given these. A value whose cell has no counts does not change the
                distribution of the others.
        """
        import torch

        from scanvq.conditions.condition import Condition

        requested = requested or {}
        columns = len(self.tables) + len(self.space.numbers)
        uniform = torch.rand(count, columns, dtype=torch.float64, generator=generator).T  # (columns, B)
        names = [number.name for number in self.space.numbers]
        shares = dict(zip(names, uniform[len(self.tables) :], strict=True))
        values: dict[str, Tensor] = {}
        conditions = iter(self.space.conditions)
        for table, table_uniform in zip(self.tables, uniform[: len(self.tables)], strict=True):
            axes = [next(conditions) for _ in range(table.ndim)]
            free = [condition for condition in axes if condition.name not in requested]
            sampled = _sample_cells(_conditional_counts(table, axes, requested), table_uniform)
            for condition, cells in zip(free, sampled, strict=True):
                name = condition.name
                if isinstance(condition, CategoryCondition):
                    values[name] = cells
                else:
                    values[name] = _numbers(condition, cells, shares[name])
        for name, value in requested.items():
            dtype = torch.float32 if name in shares else torch.int64
            values[name] = torch.full((count,), value, dtype=dtype)
        return Condition.of(values)

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without the space. Counts are rounded to four digits."""
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
            np.array(table["counts"], np.float64).reshape(table["shape"]) for table in record["tables"]
        )
        sizes = [_size(condition) for condition in space.conditions]
        if [size for table in tables for size in table.shape] != sizes:
            raise ValueError(f"the shape of the joint distribution does not fit the conditions {space}")
        return cls(space=space, tables=tables)


def _size(condition: CategoryCondition | NumberCondition) -> int:
    """Number of cells of a condition; the last cell is for absent."""
    return (condition.absent if isinstance(condition, CategoryCondition) else BINS) + 1


def _cells(
    condition: CategoryCondition | NumberCondition, values: NDArray[np.int64] | NDArray[np.float32]
) -> NDArray[np.int64]:
    """The cell of each value, (n,)."""
    if isinstance(condition, CategoryCondition):
        return values.astype(np.int64)
    width = (condition.high - condition.low) / BINS or 1.0
    absent = np.isnan(values)
    bins = ((np.where(absent, condition.low, values) - condition.low) / width).astype(np.int64)
    return np.where(absent, BINS, bins.clip(0, BINS - 1))


def _smoothed(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts (...) plus a share of their sum in the proportions of independent conditions."""
    total = counts.sum()
    if total == 0:
        raise ValueError("the training set has no slices; the joint distribution of conditions needs some")
    axes = range(counts.ndim)
    marginals = [counts.sum(axis=tuple(axis for axis in axes if axis != kept)) / total for kept in axes]
    smoothed: NDArray[np.float64] = counts + SMOOTHING * total * reduce(np.multiply.outer, marginals)
    return smoothed


def _conditional_counts(
    table: NDArray[np.float64],
    axes: Sequence[CategoryCondition | NumberCondition],
    requested: Mapping[str, int | float],
) -> NDArray[np.float64]:
    """The counts of the conditions that are not requested, given the requested values of the others."""
    counts = table
    for axis in reversed(range(len(axes))):
        condition = axes[axis]
        if condition.name in requested:
            value = requested[condition.name]
            values = np.array([value], np.int64) if isinstance(value, int) else np.array([value], np.float32)
            selected = counts.take(_cells(condition, values)[:1], axis=axis)
            counts = (selected if selected.any() else counts).sum(axis=axis)
    return counts


def _sample_cells(table: NDArray[np.float64], uniform: Tensor) -> tuple[Tensor, ...]:
    """Cells (B,) along each axis, by the inverse of the cumulative counts at `uniform` (B,)."""
    import torch

    if not table.ndim:
        return ()
    cumulative = torch.from_numpy(table.reshape(-1)).cumsum(0)
    flat = torch.searchsorted(cumulative, uniform * cumulative[-1], right=True)
    return torch.unravel_index(flat.clamp(max=len(cumulative) - 1), table.shape)


def _numbers(condition: NumberCondition, cells: Tensor, share: Tensor) -> Tensor:
    """Numbers (B,) float32 at `share` of the width of their bins; NaN in the cell for absent."""
    import torch

    number = condition.low + (condition.high - condition.low) * (cells + share) / BINS
    return torch.where(cells == BINS, math.nan, number).float()
