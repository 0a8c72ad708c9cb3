"""Summary of the conditions of a data set, for `data inspect`."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanvq.cohort.catalog import Catalog
from scanvq.cohort.condition_sources import POSITION, read_columns


def summarize_conditions(catalog: Catalog, *, volumes: int) -> dict[str, dict[str, Any]]:
    """Condition name -> JSON values: kind, values or range, and numbers of files and subjects with a value.

    Args:
        catalog: as read.
        volumes: number of files with several slices.

    Raises:
        CatalogError: a table that cannot be read.
    """
    summary: dict[str, dict[str, Any]] = {}
    for name, column in read_columns(catalog).items():
        known = column.indices >= 0
        values: dict[str, Any]
        if column.is_number:
            numbers = column.as_numbers()
            values = {"kind": "number", "low": float(np.nanmin(numbers)), "high": float(np.nanmax(numbers))}
        else:
            counts = np.bincount(column.indices[known], minlength=len(column.values)).tolist()
            values = {"kind": "category", "values": dict(sorted(zip(column.values, counts, strict=True)))}
        subjects = {entry.subject for entry, is_known in zip(catalog.entries, known, strict=True) if is_known}
        summary[name] = {**values, "files": int(known.sum()), "subjects": len(subjects)}
    if volumes:
        summary[POSITION] = {"kind": "number", "low": 0.0, "high": 1.0, "files": volumes}
    return summary
