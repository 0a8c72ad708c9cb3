"""Tables of subjects: their groups and labels for a catalog, and how many of their rows match."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from scanvq.cohort.catalog import Catalog, CatalogError
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.bids import PARTICIPANTS
from scanvq.cohort.layouts.subject_matching import match_names
from scanvq.cohort.layouts.subjects import SUBJECT_COLUMNS, find_subject_table, read_rows, read_subjects

LOWEST_SHARE = 0.5
"""Of the rows or of the subjects, whichever are fewer, at least this share must match."""
SHOWN = 3


def subject_tables(catalog: Catalog) -> list[Path]:
    """The subjects.csv and the participants.tsv of a catalog, if they exist."""
    first = catalog.root / catalog.entries[0].path if catalog.entries else catalog.root / "nothing"
    parents = [*(folder for folder in first.parents if folder.is_relative_to(catalog.root)), catalog.root]
    participants = [folder / PARTICIPANTS for folder in parents if (folder / PARTICIPANTS).is_file()]
    subjects = find_subject_table(catalog.root)
    return [*([subjects] if subjects else []), *participants[:1]]


def with_groups_and_labels(catalog: Catalog) -> Catalog:
    """The catalog with the groups of subjects.csv, and its labels if the layout has none."""
    rows = read_subjects(catalog.root)
    if not rows:
        return catalog
    id_of = match_names(rows, (entry.subject for entry in catalog.entries))
    has_labels = bool(catalog.labels)
    entries = Entries(
        entry
        if (identifier := id_of.get(entry.subject)) is None
        else replace(
            entry,
            group=rows[identifier].group if entry.group == entry.subject else entry.group,
            label=entry.label if has_labels else rows[identifier].label,
        )
        for entry in catalog.entries
    )
    labels = {entry.label for entry in entries if entry.label is not None}
    notes = catalog.notes
    unlabeled = sum(entry.label is None for entry in entries)
    if labels and unlabeled and not has_labels:
        note = f"{unlabeled} of {len(entries)} files have no label; they train without a class condition"
        notes = (*notes, note)
    return replace(catalog, entries=entries, labels=tuple(sorted(labels)), notes=notes)


def with_table_notes(catalog: Catalog, *, other_names: Collection[str] = ()) -> Catalog:
    """The catalog with a note of how many rows of each table match.

    Args:
        catalog: as read.
        other_names: other names of the subjects, by which a table may list them.

    Raises:
        CatalogError: a table of which no row, or few, match.
    """
    notes = []
    subjects = dict.fromkeys(entry.subject for entry in catalog.entries)
    for table in subject_tables(catalog):
        ids = _ids(table)
        if not ids:
            continue
        matched = match_names(ids, subjects)
        used = {*matched.values(), *match_names(ids, other_names).values()}
        possible = min(len(ids), len(subjects))
        unmatched = [name for name in ids if name not in used]
        if len(used) < LOWEST_SHARE * possible:
            without = [name for name in subjects if name not in matched] or list(subjects)
            raise CatalogError(
                f"{table}: {len(used)} of {len(ids)} rows match one of {len(subjects)} subjects; rows are of "
                f"{_some(unmatched)}, subjects are {_some(without)}. Write the subjects as they are shown "
                "by `scanvq data inspect` (or set data.subject), or remove the table"
            )
        more = f"; not {_some(unmatched)}" if unmatched else ""
        notes.append(
            f"{table.name}: {len(used):,} of {len(ids):,} rows match {len(matched) or len(used):,} of "
            f"{len(subjects):,} subjects{more}"
        )
    return replace(catalog, notes=(*catalog.notes, *notes))


def _ids(table: Path) -> list[str]:
    """The subjects of a table, in the order of its rows."""
    rows = read_rows(table)
    column = next((name for name in SUBJECT_COLUMNS if rows and name in rows[0]), None)
    return list(dict.fromkeys(row[column].strip() for row in rows if row[column].strip())) if column else []


def _some(names: Collection[str]) -> str:
    shown = ", ".join(repr(name) for name in list(names)[:SHOWN])
    return f"{shown} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else shown
