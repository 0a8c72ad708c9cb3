"""Subject-level split assignment: predefined splits if there are any, else by a hash of the group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.entries import Entries

SPLITS = ("train", "validation", "test")


def assign_splits(catalog: Catalog, *, seed: int = 0, validation: float = 0.1, test: float = 0.1) -> Catalog:
    """Assigns every entry to a split.

    A predefined test split is never changed. A missing validation split is taken from train, in whole groups.
    Without predefined splits, whole groups are assigned to test, validation or train. The assignment of a
    group depends only on the seed and its name: it does not change when files are added, and every label has
    the same expected fraction of every split. The fractions are therefore not exact; a label that is missing
    in a split is noted. If a split would be empty, the group with the lowest hash is moved to it.

    Args:
        catalog: as read.
        seed: seed of the assignment.
        validation: fraction of the groups (of the train groups if there is a test split).
        test: fraction of the groups.

    Raises:
        CatalogError: fewer groups than splits, or predefined splits without train or test files.
    """
    entries = catalog.entries
    notes = list(catalog.notes)
    if any(entry.split is None for entry in entries):
        entries = _split_all(catalog, seed, validation, test)
        notes.append(f"split by group with seed {seed}: the data set has no predefined splits")
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
            notes.append(f"validation is taken from train by group with seed {seed}; test is unchanged")
    notes += _missing_labels(catalog.labels, entries)
    return replace(catalog, entries=entries, notes=tuple(notes))


def _split_all(catalog: Catalog, seed: int, validation: float, test: float) -> Entries:
    split_of: dict[str, str] = {}
    for entry in catalog.entries:
        if entry.group not in split_of:
            n = _hash_fraction(entry.group, seed)
            split_of[entry.group] = "test" if n < test else "validation" if n < test + validation else "train"
    if len(split_of) < len(SPLITS):
        raise CatalogError(
            f"{catalog.root} has {len(split_of)} subject(s); to train, validate and "
            "test on different people at least 3 are needed. If several people have one identifier, add a "
            "subjects.csv or a CSV of path, subject"
        )
    _fill_empty(split_of, seed)
    return Entries(replace(entry, split=split_of[entry.group]) for entry in catalog.entries)


def _take_validation(catalog: Catalog, seed: int, validation: float) -> Entries:
    groups = {entry.group for entry in catalog.entries if entry.split == "train"}
    if len(groups) < 2:
        raise CatalogError(
            f"{catalog.root} trains on one subject only, so none can be held out for validation; add subjects"
        )
    chosen = {group for group in groups if _hash_fraction(group, seed) < validation}
    if not chosen or chosen == groups:
        chosen = {min(groups, key=lambda group: _hash_fraction(group, seed))}
    return Entries(
        replace(entry, split="validation") if entry.split == "train" and entry.group in chosen else entry
        for entry in catalog.entries
    )


def _fill_empty(split_of: dict[str, str], seed: int) -> None:
    """Moves the groups with the lowest hashes so that no split is empty."""
    for split in SPLITS:
        if split in split_of.values():
            continue
        largest = max(SPLITS, key=list(split_of.values()).count)
        movable = [group for group, current in split_of.items() if current == largest]
        split_of[min(movable, key=lambda group: _hash_fraction(group, seed))] = split


def _missing_labels(labels: Iterable[str], entries: Sequence[Entry]) -> list[str]:
    """A note for each label that a split lacks."""
    present = {(entry.label, entry.split) for entry in entries}
    return [
        f"no {label} in {split}: define splits, or use another seed"
        for label in labels
        for split in SPLITS
        if (label, split) not in present
    ]


def _hash_fraction(group: str, seed: int) -> float:
    """A hash of group name and seed in [0, 1)."""
    digest = hashlib.sha256(f"{seed}:{group}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
