"""The conditions of the slices of a store: what they can be, and each slice's values."""

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
    """The values of a run's conditions for all slices of a store.

    Attributes:
        space: the conditions.
        values: by name, (N,) int64 numbers of a category's values or (N,) float32 numbers, with what says
            absent as in `scanvq.conditions.condition.Condition`.
    """

    space: ConditionSpace = field(default_factory=ConditionSpace)
    values: Mapping[str, Values] = field(default_factory=dict)

    def of(self, rows: NDArray[np.integer[Any]]) -> dict[str, Values]:
        """The values of some rows, (n,) each."""
        return {name: values[rows] for name, values in self.values.items()}

    @property
    def digest(self) -> str:
        """20 hex digits that change with any value of any slice; "" without conditions."""
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
    """The values of all slices, and the space that they span.

    Args:
        columns: of `used_columns`, for the store's catalog.
        store: the prepared slices.
        train: rows whose numbers say what the space's range, mean and spread are.

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
    """The values of all slices in a space that is known; what no column tells is absent.

    Args:
        space: of a run.
        columns: of `read_columns`, for the store's catalog.
        store: the prepared slices.
    """
    values: dict[str, Values] = {}
    for one in space.conditions:
        column = columns.get(one.name) or absent_column(one.name, store.catalog)
        if isinstance(one, CategoryCondition):
            values[one.name] = column.as_categories(one.values)[store.entry]
        else:
            values[one.name] = _numbers(one.name, column, store)
    return SliceConditions(space=space, values=values)


def _numbers(name: str, column: Column, store: Store) -> NDArray[np.float32]:
    """(N,) of a store's slices; a slice that is a file of its own has no position."""
    if name != POSITION:
        return column.as_numbers()[store.entry]
    several = store.slice_count > 1
    last = np.where(several, store.slice_count - 1, 1)
    return np.where(several, store.slice_index / last, np.nan).astype(np.float32)


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
