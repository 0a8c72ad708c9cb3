"""Subject identification by a regular expression over the file paths, instead of by the layout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scanvq.cohort.catalog import Catalog, CatalogError
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.subject_matching import match_names
from scanvq.cohort.layouts.subjects import Subject, read_subjects

SHOWN = 5


def subjects_by_pattern(catalog: Catalog, pattern: str) -> Catalog:
    """The catalog with subjects from a regular expression over the paths.

    Groups that a table defines are kept.

    Args:
        catalog: as read.
        pattern: searched in the path relative to the folder, with / between its parts; its first group is the
            subject.

    Raises:
        CatalogError: an invalid regular expression, one without a group, or files that do not match.
    """
    names = _names(catalog, pattern)
    if unmatched := _unmatched(catalog, names):
        raise CatalogError(f"data.subject is {pattern!r}, which finds no subject in {unmatched}")
    renamed = _renamed(catalog, names, pattern)
    notes = (*catalog.notes, f"subjects are taken from the paths by the pattern {pattern!r}")
    return replace(renamed, notes=notes)


def subjects_by_run_pattern(catalog: Catalog, pattern: str) -> tuple[Catalog, str]:
    """The catalog of another data set with subjects from the pattern of a run.

    Args:
        catalog: as read.
        pattern: as for `subjects_by_pattern`; files that do not match keep the subject of the layout.

    Returns:
        The catalog, and a sentence about the files that keep the subject of the layout; "" if there are none.

    Raises:
        CatalogError: a subject in two groups of a table.
    """
    names = _names(catalog, pattern)
    unmatched = _unmatched(catalog, names)
    note = ""
    if unmatched:
        note = (
            f"the run's data.subject, {pattern!r}, finds no subject in {unmatched}; these have the "
            "subjects of their folder's layout, and subjects with another name in the run are not recognized"
        )
    return _renamed(catalog, names, pattern), note


def _names(catalog: Catalog, pattern: str) -> list[str | None]:
    """The subject in each path by a pattern; None for paths that do not match."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise CatalogError(
            f"data.subject is {pattern!r}, which is not a regular expression: {error}"
        ) from None
    if not compiled.groups:
        raise CatalogError(
            f"data.subject is {pattern!r}; put the subject in parentheses, as in 'sub-([0-9]+)'"
        )
    matches = [compiled.search(entry.path.as_posix()) for entry in catalog.entries]
    return [match.group(1) or None if match else None for match in matches]


def _unmatched(catalog: Catalog, names: Sequence[str | None]) -> str:
    """The number of files without a name, and the first of them; "" if there are none."""
    paths = [str(entry.path) for entry, name in zip(catalog.entries, names, strict=True) if name is None]
    if not paths:
        return ""
    more = f" and {len(paths) - SHOWN:,} more" if len(paths) > SHOWN else ""
    return f"{len(paths):,} of {len(names):,} files: {', '.join(paths[:SHOWN])}{more}"


def _renamed(catalog: Catalog, names: Sequence[str | None], pattern: str) -> Catalog:
    """The catalog with new subjects for the entries that have a name."""
    subjects = read_subjects(catalog.root)
    group_by_name: dict[str, str] = {}
    for entry, name in zip(catalog.entries, names, strict=True):
        if name is None or entry.group == entry.subject:
            continue
        if group_by_name.setdefault(name, entry.group) != entry.group:
            raise CatalogError(
                f"data.subject is {pattern!r}, by which {name} is in two groups of the table, "
                f"{group_by_name[name]} and {entry.group}; correct the table or the pattern"
            )
    id_of = match_names(subjects, (name for name in names if name is not None))
    entries = Entries(
        entry
        if name is None
        else replace(
            entry, subject=name, group=group_by_name.get(name) or _group_of(name, id_of.get(name), subjects)
        )
        for entry, name in zip(catalog.entries, names, strict=True)
    )
    return replace(catalog, entries=entries)


def _group_of(name: str, identifier: str | None, subjects: Mapping[str, Subject]) -> str:
    """The group in the table of a subject that it lists as `identifier`; the name itself if it does not."""
    return name if identifier is None else subjects[identifier].group
