"""Who is who by a pattern over the files' paths, in place of what a layout makes of them."""

from __future__ import annotations

import re
from dataclasses import replace

from scanvq.data.catalog import Catalog, CatalogError
from scanvq.data.entries import Entries
from scanvq.data.layouts.subjects import group_of, read_subjects

SHOWN = 5


def by_pattern(catalog: Catalog, pattern: str) -> Catalog:
    """The catalog with the subjects that a regular expression finds in the paths.

    Subjects that a table has joined stay joined.

    Args:
        catalog: as read.
        pattern: searched for in the path relative to the folder, with / between its parts; the first group is
            the subject.

    Raises:
        CatalogError: no regular expression, one without a group, or files that it does not find a subject in.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise CatalogError(f"data.subject is {pattern!r}, which is no regular expression: {error}") from None
    if not compiled.groups:
        raise CatalogError(
            f"data.subject is {pattern!r}; put the subject in parentheses, as in 'sub-([0-9]+)'"
        )
    found = (compiled.search(entry.path.as_posix()) for entry in catalog.entries)
    names = [match.group(1) if match else None for match in found]
    without = [str(entry.path) for entry, name in zip(catalog.entries, names, strict=True) if not name]
    if without:
        more = f" and {len(without) - SHOWN:,} more" if len(without) > SHOWN else ""
        raise CatalogError(
            f"data.subject is {pattern!r}, which finds no subject in {len(without):,} of "
            f"{len(names):,} files: {', '.join(without[:SHOWN])}{more}"
        )
    subjects = read_subjects(catalog.root)
    joined: dict[str, str] = {}
    for entry, name in zip(catalog.entries, names, strict=True):
        if name is None or entry.group == entry.subject:
            continue
        if joined.setdefault(name, entry.group) != entry.group:
            raise CatalogError(
                f"data.subject is {pattern!r}, by which {name} is in two groups of the table, "
                f"{joined[name]} and {entry.group}; correct the table or the pattern"
            )
    entries = Entries(
        replace(entry, subject=name, group=joined.get(name, group_of(name, subjects)))
        for entry, name in zip(catalog.entries, names, strict=True)
        if name is not None
    )
    notes = (*catalog.notes, f"subjects are taken from the paths by the pattern {pattern!r}")
    return replace(catalog, entries=entries, notes=notes)
