"""A memory-compact sequence of catalog entries."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import eq
from typing import Any, overload

from scanvq.cohort.catalog import Entry
from scanvq.imaging.paths import Paths

COLUMNS = 4  # subject, group, split, label


class Entries(Sequence[Entry]):
    """Entries stored as packed paths and indices of names; each `Entry` is created on access.

    An entry takes its encoded path and 24 bytes; every subject, group, split and label is stored once.

    Args:
        entries: the entries, whose order is kept.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._paths = Paths()
        self._indices = array("i")
        index_of: dict[str | None, int] = {}
        for entry in entries:
            self._paths.append(entry.path)
            for name in (entry.subject, entry.group, entry.split, entry.label):
                self._indices.append(index_of.setdefault(name, len(index_of)))
        self._names: list[Any] = list(index_of)

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        first = COLUMNS * range(len(self))[index]
        names = (self._names[name_index] for name_index in self._indices[first : first + COLUMNS])
        return Entry(self._paths[index], *names)

    def __iter__(self) -> Iterator[Entry]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))
