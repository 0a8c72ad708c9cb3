"""Which conditions a recipe uses of those that a catalog has, for every file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanvq.cohort.catalog import Catalog, CatalogError
from scanvq.cohort.condition_sources import LABEL, POSITION, Column, read_columns


def used_columns(catalog: Catalog, names: Sequence[str], *, volumes: bool) -> dict[str, Column]:
    """The conditions that a recipe names, of every entry of a catalog, before anything is prepared.

    Args:
        catalog: as read.
        names: which; () = the label, where the catalog has labels.
        volumes: whether any file has several slices, so that a slice has a position.

    Raises:
        CatalogError: a name that stands there twice, or that the data does not have; it says what there is.
    """
    names = names or ((LABEL,) if catalog.labels else ())
    if len(set(names)) < len(names):
        raise CatalogError(f"data.conditions names one twice: {', '.join(names)}")
    columns = read_columns(catalog, names) if names else {}
    if POSITION in names and volumes:
        columns[POSITION] = absent_column(POSITION, catalog)  # a file's slices differ: the store knows them
    unknown = [name for name in names if name not in columns]
    if unknown:
        found = [*read_columns(catalog)]
        if POSITION not in unknown and volumes:
            found.append(POSITION)
        raise CatalogError(
            f"data.conditions names {', '.join(unknown)}, which {catalog.root} does not tell; "
            f"it tells {', '.join(found) or 'none'}"
        )
    return {name: columns[name] for name in names}


def absent_column(name: str, catalog: Catalog) -> Column:
    """A condition that is absent from every entry."""
    return Column(name=name, texts=(), numbers=np.full(len(catalog.entries), -1, np.int32))
