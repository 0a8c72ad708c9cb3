"""Leakage detection: subjects and near-duplicate images on two sides of a split."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.display import display_name
from scanvq.imaging.intensity import Intensity
from scanvq.storage.files import read_json, write_json
from scanvq.store.image_matcher import SAME_SCAN_CORRELATION
from scanvq.store.near_duplicates import Duplicate, find_near_duplicates
from scanvq.store.store import Store

VERSION = 1
SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A subject, or near-duplicate images, on two sides of a split.

    Attributes:
        first, second: a file on each side, relative to the root of the catalog.
        splits: splits of the two files.
        subjects: subjects of the two files.
        slices: number of near-duplicate slices; 0 for leaks by subject.
        correlation: highest correlation of these slices; None for leaks by subject.
    """

    first: str
    second: str
    splits: tuple[str, str]
    subjects: tuple[str, str]
    slices: int = 0
    correlation: float | None = None

    def __str__(self) -> str:
        first, second = (
            f"{display_name(path)} ({split}, {display_name(subject)})"
            for path, split, subject in zip(
                (self.first, self.second), self.splits, self.subjects, strict=True
            )
        )
        if self.correlation is None:
            return f"{first} and {second}: one subject or group on two sides"
        slices = f"{self.slices} slices" if self.slices > 1 else "1 slice"
        return f"{first} and {second}: same scan, correlation {self.correlation:.2f}, {slices}"

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Leak:
        pairs = {name: tuple(stored[name]) for name in ("splits", "subjects")}
        return cls(**{**stored, **pairs})


class LeakError(ValueError):
    """Leakage between splits; all leaks are in `leaks`."""

    def __init__(self, leaks: Sequence[Leak]) -> None:
        self.leaks = tuple(leaks)
        super().__init__(self.leaks)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{len(self.leaks)} leaks: the same people or scans are on two sides of a split",
                *format_leaks(self.leaks),
                "Remove these files; or correct the subject identification by --set data.subject=PATTERN or "
                "a subjects.csv whose patient_group joins them; or continue with --allow-leak "
                "(allow_leak=True), which the report then shows in red.",
            ]
        )


def format_leaks(leaks: Sequence[Leak]) -> list[str]:
    """The first leaks, one per line."""
    more = [f"  and {len(leaks) - SHOWN:,} more"] if len(leaks) > SHOWN else []
    return [*(f"  {leak}" for leak in leaks[:SHOWN]), *more]


def find_leaks(
    store: Store, intensity: Intensity, *, progress: Callable[[int, int], None] | None = None
) -> tuple[Leak, ...]:
    """Finds subjects and groups on two sides of a split, then near-duplicate images of different subjects.

    The result is cached in the folder of the store for the same splits and subjects.
    """
    file = store.folder / f"leaks-{_digest(store.catalog, intensity)}.json"
    if file.is_file():
        try:
            return tuple(Leak.from_dict(leak) for leak in read_json(file))
        except (ValueError, TypeError, KeyError):  # damaged: search again
            file.unlink()
    shared_groups = _shared_groups(store.catalog)
    leaks = (
        *shared_groups,
        *_leaks_by_subject_pair(store, find_near_duplicates(store, intensity, progress=progress)),
    )
    write_json(file, [asdict(leak) for leak in leaks])
    return leaks


def _shared_groups(catalog: Catalog) -> list[Leak]:
    """One leak for each group and each pair of its splits."""
    entry_by_split: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in catalog.entries:
        entry_by_split[entry.group].setdefault(str(entry.split), entry)
    return [
        _leak(first, second)
        for entries in entry_by_split.values()
        for first, second in combinations(entries.values(), 2)
    ]


def _leaks_by_subject_pair(store: Store, duplicates: Sequence[Duplicate]) -> list[Leak]:
    """One leak for each pair of subjects, with the files of its most correlated slices; highest first."""
    pairs: dict[tuple[str, ...], list[Duplicate]] = defaultdict(list)
    entries = store.catalog.entries
    for duplicate in duplicates:
        first, second = (entries[store.entry[row]] for row in (duplicate.first, duplicate.second))
        pairs[first.subject, str(first.split), second.subject, str(second.split)].append(duplicate)
    leaks = []
    for found in pairs.values():
        best = max(found, key=lambda duplicate: duplicate.correlation)
        first, second = (entries[store.entry[row]] for row in (best.first, best.second))
        slices = len({duplicate.second for duplicate in found})
        leaks.append(_leak(first, second, slices=slices, correlation=round(best.correlation, 4)))
    return sorted(leaks, key=lambda leak: -(leak.correlation or 0))


def _leak(first: Entry, second: Entry, *, slices: int = 0, correlation: float | None = None) -> Leak:
    return Leak(
        first=first.path.as_posix(),
        second=second.path.as_posix(),
        splits=(str(first.split), str(second.split)),
        subjects=(first.subject, second.subject),
        slices=slices,
        correlation=correlation,
    )


def _digest(catalog: Catalog, intensity: Intensity) -> str:
    subjects = [[entry.subject, entry.group, entry.split] for entry in catalog.entries]
    content = json.dumps([VERSION, SAME_SCAN_CORRELATION, intensity.to_dict(), subjects])
    return hashlib.sha256(content.encode()).hexdigest()[:16]
