"""Which conditions a folder of scans tells, for a person to choose from."""

from __future__ import annotations

from typing import Any

import numpy as np

from scanvq.cohort.catalog import Catalog
from scanvq.cohort.condition_sources import POSITION, read_columns


def summarize_conditions(catalog: Catalog, *, volumes: int) -> dict[str, dict[str, Any]]:
    """JSON values by name: the kind, the values or the range, and how many files and subjects have one.

    Args:
        catalog: as read.
        volumes: how many files have several slices.

    Raises:
        CatalogError: a table that cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, column in read_columns(catalog).items():
        known = column.numbers >= 0
        reported: dict[str, Any]
        if column.is_number:
            numbers = column.as_numbers()
            reported = {"kind": "number", "low": float(np.nanmin(numbers)), "high": float(np.nanmax(numbers))}
        else:
            counts = np.bincount(column.numbers[known], minlength=len(column.texts)).tolist()
            reported = {"kind": "category", "values": dict(sorted(zip(column.texts, counts, strict=True)))}
        subjects = {entry.subject for entry, is_known in zip(catalog.entries, known, strict=True) if is_known}
        found[name] = {**reported, "files": int(known.sum()), "subjects": len(subjects)}
    if volumes:
        found[POSITION] = {"kind": "number", "low": 0.0, "high": 1.0, "files": volumes}
    return found
