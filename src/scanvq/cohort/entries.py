"""The entries of a catalog in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import eq
from typing import Any, overload

from scanvq.cohort.catalog import Entry
from scanvq.imaging.paths import Paths

COLUMNS = 4  # subject, group, split, label


class Entries(Sequence[Entry]):
    """Entries as packed paths and numbers of names; an `Entry` is made when it is asked for.

    One takes its path's letters and 24 bytes, and every subject, group, split and label is held once.

    Args:
        entries: in their order.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._paths = Paths()
        self._numbers = array("i")
        numbers: dict[str | None, int] = {}
        for entry in entries:
            self._paths.append(entry.path)
            for name in (entry.subject, entry.group, entry.split, entry.label):
                self._numbers.append(numbers.setdefault(name, len(numbers)))
        self._names: list[Any] = list(numbers)

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, number: int) -> Entry: ...
    @overload
    def __getitem__(self, number: slice) -> list[Entry]: ...
    def __getitem__(self, number: int | slice) -> Entry | list[Entry]:
        if isinstance(number, slice):
            return [self[one] for one in range(len(self))[number]]
        first = COLUMNS * range(len(self))[number]
        names = (self._names[one] for one in self._numbers[first : first + COLUMNS])
        return Entry(self._paths[number], *names)

    def __iter__(self) -> Iterator[Entry]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))
