"""Whether a store is of an earlier state of the same files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scanvq.store.store_key import Stamp, StoreKey, stamp_of

_DECODER = json.JSONDecoder()


def is_superseded(stored: Path, source: StoreKey) -> bool:
    """Whether a store can be thrown away now that there is one of `source`.

    It can if it is of the same folder and of another version, which nothing opens any more; or of the same
    settings too, and one of its files changed or is gone, or the new one holds all of its files. A store of
    other files of the same folder (its segmentations, say) stays.

    Args:
        stored: what `Source.write` wrote of the store in question.
        source: of the new store.

    Raises:
        ValueError: a file that holds no source.
    """
    text = stored.read_text(encoding="utf-8")
    settings, end = _value(text, 0, after='{"settings": ')
    if settings["version"] != source.settings["version"]:
        return bool(settings["root"] == source.settings["root"])
    if settings != source.settings:
        return False
    numbers, all_here = _Numbers(source), True
    for path, stamp in _stamps(text, end):
        number = numbers.of(path)
        now = stamp_of(source.root / path) if number is None else source.stamps[number].tolist()
        if tuple(now) != stamp:
            return True
        all_here &= number is not None
    return all_here


class _Numbers:
    """Which of a source's files a path is, in 16 bytes a file."""

    def __init__(self, source: StoreKey) -> None:
        self._source = source
        paths = (entry.path.as_posix() for entry in source.entries)
        hashes = np.fromiter(map(hash, paths), np.int64, len(source))
        self._order = np.argsort(hashes)
        self._hashes = hashes[self._order]

    def of(self, path: str) -> int | None:
        first, end = (np.searchsorted(self._hashes, hash(path), side) for side in ("left", "right"))
        alike = self._order[first:end].tolist()
        return next((number for number in alike if self._source.path(number).as_posix() == path), None)


def _stamps(text: str, start: int) -> Iterator[tuple[str, Stamp]]:
    """Paths and stamps one by one: decoded together they take ten times the memory of their text."""
    after = ', "stamps": ['
    while not text.startswith("]}", start):
        (path, (size, changed)), start = _value(text, start, after=after)
        after = ", "
        yield path, (size, changed)


def _value(text: str, start: int, *, after: str) -> tuple[Any, int]:
    """The JSON value that follows `after`, and where it ends."""
    if not text.startswith(after, start):
        raise ValueError(f"there is no {after} at {start}")
    return _DECODER.raw_decode(text, start + len(after))
