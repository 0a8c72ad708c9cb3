"""The headers of all files of a catalog, read in parallel and stored compactly."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import overload

from scanvq.cohort.catalog import Entry
from scanvq.cohort.ordered_map import ordered_map
from scanvq.imaging.formats import Header, Plane, UnreadableScan, format_of

PREFETCH = 64  # headers read ahead

Progress = Callable[[int, int], None]
HeaderResult = Header | UnreadableScan
"""The header of a file, or the error that it cannot be read."""


class Headers(Sequence[HeaderResult]):
    """The headers of the entries of a catalog, in order. Equal headers share one object.

    Args:
        headers: the headers, whose order is kept.
    """

    def __init__(self, headers: Iterable[HeaderResult] = ()) -> None:
        self._unique: list[HeaderResult] = []
        self._indices = array("i")
        index_of: dict[Header, int] = {}
        for header in headers:
            new = len(self._unique)
            index = index_of.setdefault(header, new) if isinstance(header, Header) else new
            if index == new:
                self._unique.append(header)
            self._indices.append(index)

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> HeaderResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[HeaderResult]: ...
    def __getitem__(self, index: int | slice) -> HeaderResult | list[HeaderResult]:
        if isinstance(index, slice):
            return [self._unique[unique] for unique in self._indices[index]]
        return self._unique[self._indices[index]]

    @property
    def unique(self) -> Sequence[HeaderResult]:
        """The distinct headers."""
        return self._unique


def read_headers(
    root: Path, entries: Sequence[Entry], *, plane: Plane = "axial", progress: Progress | None = None
) -> Iterator[HeaderResult]:
    """Reads the headers of all entries of a catalog in order; unreadable ones yield their error."""

    def read_header(entry: Entry) -> HeaderResult:
        path = root / entry.path
        try:
            return format_of(path).header(path, plane=plane)
        except UnreadableScan as error:
            return error

    with ThreadPoolExecutor() as pool:
        for done, header in enumerate(ordered_map(pool, read_header, entries, prefetch=PREFETCH), start=1):
            if progress is not None:
                progress(done, len(entries))
            yield header
