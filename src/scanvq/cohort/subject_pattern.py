"""Who is who by a pattern over the files' paths, in place of what a layout makes of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from scanvq.cohort.catalog import Catalog, CatalogError
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.subjects import group_of, read_subjects

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
    names = _names(catalog, pattern)
    if reported := _without(catalog, names):
        raise CatalogError(f"data.subject is {pattern!r}, which finds no subject in {reported}")
    renamed = _renamed(catalog, names, pattern)
    notes = (*catalog.notes, f"subjects are taken from the paths by the pattern {pattern!r}")
    return replace(renamed, notes=notes)


def by_pattern_of_run(catalog: Catalog, pattern: str) -> tuple[Catalog, str]:
    """Other scans than those a run's pattern was made for, with the subjects that it finds.

    Args:
        catalog: as read.
        pattern: as for `by_pattern`; files that it does not find a subject in keep the layout's.

    Returns:
        The catalog, and a sentence on the files that keep the layout's subjects; "" where none does.

    Raises:
        CatalogError: subjects who are in two groups of a table.
    """
    names = _names(catalog, pattern)
    reported = _without(catalog, names)
    note = ""
    if reported:
        note = (
            f"the run's data.subject, {pattern!r}, finds no subject in {reported}; these have those of "
            "their folder's layout, and who has another name there than in the run is not recognized by it"
        )
    return _renamed(catalog, names, pattern), note


def _names(catalog: Catalog, pattern: str) -> list[str | None]:
    """The subject that a pattern finds in each path; None where it finds none."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise CatalogError(f"data.subject is {pattern!r}, which is no regular expression: {error}") from None
    if not compiled.groups:
        raise CatalogError(
            f"data.subject is {pattern!r}; put the subject in parentheses, as in 'sub-([0-9]+)'"
        )
    found = [compiled.search(entry.path.as_posix()) for entry in catalog.entries]
    return [match.group(1) or None if match else None for match in found]


def _without(catalog: Catalog, names: Sequence[str | None]) -> str:
    """How many files have no name, and the first of them; "" where all have one."""
    without = [str(entry.path) for entry, name in zip(catalog.entries, names, strict=True) if name is None]
    if not without:
        return ""
    more = f" and {len(without) - SHOWN:,} more" if len(without) > SHOWN else ""
    return f"{len(without):,} of {len(names):,} files: {', '.join(without[:SHOWN])}{more}"


def _renamed(catalog: Catalog, names: Sequence[str | None], pattern: str) -> Catalog:
    """The catalog with other subjects, where there is a name."""
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
        entry
        if name is None
        else replace(entry, subject=name, group=joined.get(name, group_of(name, subjects)))
        for entry, name in zip(catalog.entries, names, strict=True)
    )
    return replace(catalog, entries=entries)
