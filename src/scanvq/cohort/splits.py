"""Who is in which split: the official split where there is one, else by group, by a hash of the group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.entries import Entries

SPLITS = ("train", "validation", "test")


def assign_splits(catalog: Catalog, *, seed: int = 0, validation: float = 0.1, test: float = 0.1) -> Catalog:
    """Gives every entry a split.

    A test split that exists is left as it is, and nothing is ever moved out of it. A validation split that
    does not exist is taken out of train, group by group. Without any split, whole groups go to test,
    validation or train. Where a group goes depends on the seed and its own name alone, so it stays there when
    files are added, and every label has the same expected share of every split. To make the shares exact, a
    newcomer would have to move others; a label that a split lacks is noted instead. Only where a split
    would be empty, the group with the next number fills it.

    Args:
        catalog: as read.
        seed: another seed, another split.
        validation: share of the groups (of those in train where a test split exists).
        test: share of the groups.

    Raises:
        CatalogError: fewer groups than splits, or a split of the data set without any file.
    """
    entries = catalog.entries
    notes = list(catalog.notes)
    if any(entry.split is None for entry in entries):
        entries = _split_all(catalog, seed, validation, test)
        notes.append(f"split by group with seed {seed}: the data set brings no split")
    else:
        present = {entry.split for entry in entries}
        if "train" not in present or "test" not in present:
            missing = "train" if "train" not in present else "test"
            raise CatalogError(
                f"{catalog.root} is split, but has no {missing} files; add a {missing} folder, or give "
                "all files without splits (in one folder, or in a CSV) to have them split by subject"
            )
        if "validation" not in present:
            entries = _take_validation(catalog, seed, validation)
            notes.append(f"validation is taken out of train by group with seed {seed}; test is untouched")
    notes += _unequal(catalog.labels, entries)
    return replace(catalog, entries=entries, notes=tuple(notes))


def _split_all(catalog: Catalog, seed: int, validation: float, test: float) -> Entries:
    of_group: dict[str, str] = {}
    for entry in catalog.entries:
        if entry.group not in of_group:
            n = _number(entry.group, seed)
            of_group[entry.group] = "test" if n < test else "validation" if n < test + validation else "train"
    if len(of_group) < len(SPLITS):
        raise CatalogError(
            f"{catalog.root} has {len(of_group)} subject(s); to train, validate and "
            "test on different people at least 3 are needed. If several people were taken for one, add a "
            "subjects.csv or a CSV of path, subject"
        )
    _fill_empty(of_group, seed)
    return Entries(replace(entry, split=of_group[entry.group]) for entry in catalog.entries)


def _take_validation(catalog: Catalog, seed: int, validation: float) -> Entries:
    groups = {entry.group for entry in catalog.entries if entry.split == "train"}
    if len(groups) < 2:
        raise CatalogError(
            f"{catalog.root} trains on one subject only, so none can be held out for validation; add subjects"
        )
    chosen = {group for group in groups if _number(group, seed) < validation}
    if not chosen or chosen == groups:
        chosen = {min(groups, key=lambda group: _number(group, seed))}
    return Entries(
        replace(entry, split="validation") if entry.split == "train" and entry.group in chosen else entry
        for entry in catalog.entries
    )


def _fill_empty(of_group: dict[str, str], seed: int) -> None:
    """Moves single groups so that no split is empty, always the ones with the lowest numbers."""
    for split in SPLITS:
        if split in of_group.values():
            continue
        largest = max(SPLITS, key=list(of_group.values()).count)
        movable = [group for group, its in of_group.items() if its == largest]
        of_group[min(movable, key=lambda group: _number(group, seed))] = split


def _unequal(labels: Iterable[str], entries: Sequence[Entry]) -> list[str]:
    """A note for each label that a split lacks."""
    there = {(entry.label, entry.split) for entry in entries}
    return [
        f"no {label} in {split}: give splits of your own, or another seed"
        for label in labels
        for split in SPLITS
        if (label, split) not in there
    ]


def _number(group: str, seed: int) -> float:
    """A number in [0, 1) that depends on the group's name and the seed alone."""
    digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
