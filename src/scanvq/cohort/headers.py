"""The headers of all files of a catalog, read side by side and kept in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import overload

from scanvq.cohort.catalog import Entry
from scanvq.cohort.ordered_map import in_order
from scanvq.imaging.formats import Header, Plane, UnreadableScan, format_of

AHEAD = 64  # headers asked for at once

Progress = Callable[[int, int], None]
Found = Header | UnreadableScan
"""A file's header, or why it cannot be read."""


class Headers(Sequence[Found]):
    """One for each entry of a catalog, in its order; equal headers are one object, each entry 4 bytes.

    Args:
        found: in their order.
    """

    def __init__(self, found: Iterable[Found] = ()) -> None:
        self._kinds: list[Found] = []
        self._numbers = array("i")
        known: dict[Header, int] = {}
        for one in found:
            new = len(self._kinds)
            number = known.setdefault(one, new) if isinstance(one, Header) else new
            if number == new:
                self._kinds.append(one)
            self._numbers.append(number)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, number: int) -> Found: ...
    @overload
    def __getitem__(self, number: slice) -> list[Found]: ...
    def __getitem__(self, number: int | slice) -> Found | list[Found]:
        if isinstance(number, slice):
            return [self._kinds[kind] for kind in self._numbers[number]]
        return self._kinds[self._numbers[number]]

    @property
    def kinds(self) -> Sequence[Found]:
        """Every header that some file has, once."""
        return self._kinds


def read_headers(
    root: Path, entries: Sequence[Entry], *, plane: Plane = "axial", progress: Progress | None = None
) -> Iterator[Found]:
    """The header of every entry of a catalog below `root`, or why it cannot be read; in their order."""

    def one(entry: Entry) -> Found:
        path = root / entry.path
        try:
            return format_of(path).header(path, plane=plane)
        except UnreadableScan as error:
            return error

    with ThreadPoolExecutor() as pool:
        for done, header in enumerate(in_order(pool, one, entries, ahead=AHEAD), start=1):
            if progress is not None:
                progress(done, len(entries))
            yield header
