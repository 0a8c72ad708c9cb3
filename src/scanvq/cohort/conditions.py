"""The conditions that a recipe selects, for every file of a catalog."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanvq.cohort.catalog import Catalog, CatalogError
from scanvq.cohort.condition_sources import LABEL, POSITION, Column, read_columns


def used_columns(catalog: Catalog, names: Sequence[str], *, volumes: bool) -> dict[str, Column]:
    """The selected conditions of every entry of a catalog.

    Args:
        catalog: as read.
        names: selected conditions; () = the label if the catalog has labels.
        volumes: whether any file has several slices, so that a slice has a position.

    Raises:
        CatalogError: a repeated name, or one that the data does not have; the message lists the available.
    """
    names = names or ((LABEL,) if catalog.labels else ())
    if len(set(names)) < len(names):
        raise CatalogError(f"data.conditions repeats a name: {', '.join(names)}")
    columns = read_columns(catalog, names) if names else {}
    if POSITION in names and volumes:
        columns[POSITION] = absent_column(
            POSITION, catalog
        )  # values differ between the slices of a file: the store adds them
    unknown = [name for name in names if name not in columns]
    if unknown:
        available = [*read_columns(catalog)]
        if POSITION not in unknown and volumes:
            available.append(POSITION)
        raise CatalogError(
            f"data.conditions names {', '.join(unknown)}, which {catalog.root} does not have; "
            f"available: {', '.join(available) or 'none'}"
        )
    return {name: columns[name] for name in names}


def absent_column(name: str, catalog: Catalog) -> Column:
    """A condition that is absent from every entry."""
    return Column(name=name, values=(), indices=np.full(len(catalog.entries), -1, np.int32))
