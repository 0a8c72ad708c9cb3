"""A memory-compact sequence of paths."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload


class Paths(Sequence[Path]):
    """Paths packed into one byte buffer: each takes its encoded text and 8 bytes, a `Path` about 250 bytes.

    Args:
        paths: the paths, whose order is kept.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._buffer = bytearray()
        self._ends = array("q", [0])
        for path in paths:
            self.append(path)

    def append(self, path: Path) -> None:
        # Python represents undecodable bytes of file names as surrogates; surrogatepass keeps them.
        self._buffer += path.as_posix().encode("utf-8", "surrogatepass")
        self._ends.append(len(self._buffer))

    def text(self, index: int) -> str:
        """The path at an index, with / between its parts."""
        index = range(len(self))[index]
        return self._buffer[self._ends[index] : self._ends[index + 1]].decode("utf-8", "surrogatepass")

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> list[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | list[Path]:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        return Path(self.text(index))

    def __iter__(self) -> Iterator[Path]:
        return map(self.__getitem__, range(len(self)))
