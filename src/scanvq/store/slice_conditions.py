"""Conditions of the slices of a store: the condition space and the values of each slice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import CatalogError
from scanvq.cohort.condition_sources import LABEL, POSITION, Column
from scanvq.cohort.conditions import absent_column
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition
from scanvq.store.store import Store

Values = NDArray[np.int64] | NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class SliceConditions:
    """The values of the conditions of a run for all slices of a store.

    Attributes:
        space: the conditions.
        values: name -> (N,) int64 category indices or (N,) float32 numbers; absent values are coded as in
            `scanvq.conditions.condition.Condition`.
    """

    space: ConditionSpace = field(default_factory=ConditionSpace)
    values: Mapping[str, Values] = field(default_factory=dict)

    def of(self, rows: NDArray[np.integer[Any]]) -> dict[str, Values]:
        """The values of rows, (n,) each."""
        return {name: values[rows] for name, values in self.values.items()}

    @property
    def digest(self) -> str:
        """A content digest of all values, 20 hexadecimal digits; "" without conditions."""
        if not self.values:
            return ""
        digest = hashlib.sha256()
        for name, values in self.values.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()[:20]


def measure_conditions(
    columns: Mapping[str, Column], store: Store, train: NDArray[np.integer[Any]]
) -> SliceConditions:
    """The values of all slices, and their condition space.

    Args:
        columns: columns from `used_columns` for the catalog of the store.
        store: the prepared slices.
        train: training rows, which define range, mean and standard deviation of numeric conditions.

    Raises:
        CatalogError: a number that is absent from every slice of the training set.
    """
    space: list[CategoryCondition | NumberCondition] = []
    for name, column in columns.items():
        if name == LABEL:
            space.append(CategoryCondition(name=name, values=store.catalog.labels))
        elif name == POSITION or column.is_number:
            space.append(_measured(name, _numbers(name, column, store)[train]))
        else:
            space.append(CategoryCondition(name=name, values=tuple(sorted(column.values))))
    return slice_conditions(ConditionSpace(tuple(space)), columns, store)


def slice_conditions(space: ConditionSpace, columns: Mapping[str, Column], store: Store) -> SliceConditions:
    """The values of all slices in the condition space of a run; conditions without a column are absent.

    Args:
        space: condition space of the run.
        columns: columns from `read_columns` for the catalog of the store.
        store: the prepared slices.
    """
    values: dict[str, Values] = {}
    for condition in space.conditions:
        name = condition.name
        column = columns.get(name) or absent_column(name, store.catalog)
        if isinstance(condition, CategoryCondition):
            values[name] = column.as_categories(condition.values)[store.entry]
        else:
            values[name] = _numbers(name, column, store)
    return SliceConditions(space=space, values=values)


def slice_positions(store: Store) -> NDArray[np.float32]:
    """The position (N,) of each slice in its volume, 0 to 1; NaN in a file of a single slice."""
    in_volume = store.slice_count > 1
    last = np.where(in_volume, store.slice_count - 1, 1)
    return np.where(in_volume, store.slice_index / last, np.nan).astype(np.float32)


def _numbers(name: str, column: Column, store: Store) -> NDArray[np.float32]:
    """Numeric values (N,) of the slices."""
    if name != POSITION:
        return column.as_numbers()[store.entry]
    return slice_positions(store)


def _measured(name: str, values: NDArray[np.float32]) -> NumberCondition:
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        raise CatalogError(f"data.conditions names {name}, which no slice of the training set has")
    return NumberCondition(
        name=name,
        low=float(known.min()),
        high=float(known.max()),
        mean=float(known.mean()),
        std=float(known.std()) or 1.0,
    )
