"""The leak guard: nobody, and no image, may be on two sides of a split."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.intensity import Intensity
from scanvq.storage.files import read_json, write_json
from scanvq.store.image_matcher import SAME
from scanvq.store.near_duplicates import Duplicate, near_duplicates
from scanvq.store.store import Store

VERSION = 1
SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Leak:
    """One subject, or one scan, on two sides of a split.

    Attributes:
        first, second: a file on each side, relative to the catalog's root.
        splits: of the two.
        subjects: of the two.
        slices: how many slices of the two show the same; 0 where the subject alone tells.
        correlation: the highest of these slices; None where the subject alone tells.
    """

    first: str
    second: str
    splits: tuple[str, str]
    subjects: tuple[str, str]
    slices: int = 0
    correlation: float | None = None

    def __str__(self) -> str:
        one, other = (
            f"{path} ({split}, {subject})"
            for path, split, subject in zip(
                (self.first, self.second), self.splits, self.subjects, strict=True
            )
        )
        if self.correlation is None:
            return f"{one} and {other}: one subject or group on two sides"
        slices = f"{self.slices} slices" if self.slices > 1 else "1 slice"
        return f"{one} and {other}: same scan, correlation {self.correlation:.2f}, {slices}"

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Leak:
        pairs = {name: tuple(stored[name]) for name in ("splits", "subjects")}
        return cls(**{**stored, **pairs})


class LeakError(ValueError):
    """A split that leaks; all that was found is in `leaks`."""

    def __init__(self, leaks: Sequence[Leak]) -> None:
        self.leaks = tuple(leaks)
        super().__init__(self.leaks)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{len(self.leaks)} leaks: the same people or scans are on two sides of a split",
                *lines_of(self.leaks),
                "Remove these files; or correct who is who by --set data.subject=PATTERN or a subjects.csv "
                "whose patient_group joins them; or go on all the same with --allow-leak (allow_leak=True), "
                "which the report then says in red.",
            ]
        )


def lines_of(leaks: Sequence[Leak]) -> list[str]:
    """The first of them, one a line."""
    more = [f"  and {len(leaks) - SHOWN:,} more"] if len(leaks) > SHOWN else []
    return [*(f"  {leak}" for leak in leaks[:SHOWN]), *more]


def find_leaks(
    store: Store, intensity: Intensity, *, progress: Callable[[int, int], None] | None = None
) -> tuple[Leak, ...]:
    """What a split leaks: subjects and groups on two sides, then scans under two names.

    The answer is kept in the store's folder and given again for the same splits and subjects.
    """
    file = store.folder / f"leaks-{_digest(store.catalog, intensity)}.json"
    if file.is_file():
        return tuple(Leak.from_dict(one) for one in read_json(file))
    torn = _torn(store.catalog)
    leaks = (*torn, *_by_subjects(store, near_duplicates(store, intensity, progress=progress)))
    write_json(file, [asdict(leak) for leak in leaks])
    return leaks


def _torn(catalog: Catalog) -> list[Leak]:
    """One leak for each group and pair of splits that it is in."""
    sides: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in catalog.entries:
        sides[entry.group].setdefault(str(entry.split), entry)
    return [_leak(first, second) for its in sides.values() for first, second in combinations(its.values(), 2)]


def _by_subjects(store: Store, duplicates: Sequence[Duplicate]) -> list[Leak]:
    """One leak for each pair of subjects, with the two files of its most alike slices; most alike first."""
    pairs: dict[tuple[str, ...], list[Duplicate]] = defaultdict(list)
    entries = store.catalog.entries
    for one in duplicates:
        first, second = (entries[store.entry[row]] for row in (one.first, one.second))
        pairs[first.subject, str(first.split), second.subject, str(second.split)].append(one)
    leaks = []
    for its in pairs.values():
        best = max(its, key=lambda one: one.correlation)
        first, second = (entries[store.entry[row]] for row in (best.first, best.second))
        slices = len({one.second for one in its})
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
    who = [[entry.subject, entry.group, entry.split] for entry in catalog.entries]
    reported = json.dumps([VERSION, SAME, intensity.to_dict(), who])
    return hashlib.sha256(reported.encode()).hexdigest()[:16]
