"""Many paths in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload


class Paths(Sequence[Path]):
    """Paths packed one after the other: each takes its letters and eight bytes, a `Path` some 250.

    Args:
        paths: in their order.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._letters = bytearray()
        self._ends = array("q", [0])
        for path in paths:
            self.append(path)

    def append(self, path: Path) -> None:
        # What no text is has surrogates for its bytes in Python: they pass, and come back.
        self._letters += path.as_posix().encode("utf-8", "surrogatepass")
        self._ends.append(len(self._letters))

    def text(self, number: int) -> str:
        """One of them with / between its parts."""
        number = range(len(self))[number]
        return self._letters[self._ends[number] : self._ends[number + 1]].decode("utf-8", "surrogatepass")

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, number: int) -> Path: ...
    @overload
    def __getitem__(self, number: slice) -> list[Path]: ...
    def __getitem__(self, number: int | slice) -> Path | list[Path]:
        if isinstance(number, slice):
            return [self[one] for one in range(len(self))[number]]
        return Path(self.text(number))

    def __iter__(self) -> Iterator[Path]:
        return map(self.__getitem__, range(len(self)))
