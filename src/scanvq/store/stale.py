"""Detection of stale stores: stores of an earlier state of the same files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scanvq.store.store_key import FileState, StoreKey, file_state

_DECODER = json.JSONDecoder()


def is_stale(stored: Path, key: StoreKey) -> bool:
    """Whether a store can be removed because the store of `key` replaces it.

    A store is stale if it is of the same folder in another format version; or if it has equal settings, and
    one of its files was changed or removed, or the new store contains all of its files. A store of other
    files of the same folder, such as segmentations, is not stale.

    Args:
        stored: key file of the store, written by `StoreKey.write`.
        key: key of the new store.

    Raises:
        ValueError: not a key file.
    """
    text = stored.read_text(encoding="utf-8")
    settings, end = _value(text, 0, after='{"settings": ')
    if settings["version"] != key.settings["version"]:
        return bool(settings["root"] == key.settings["root"])
    if settings != key.settings:
        return False
    indices, all_included = _PathIndex(key), True
    for path, state in _file_states(text, end):
        index = indices.of(path)
        current = file_state(key.root / path) if index is None else key.file_states[index].tolist()
        if tuple(current) != state:
            return True
        all_included &= index is not None
    return all_included


class _PathIndex:
    """Path -> index of the file in a key, with 16 bytes per file."""

    def __init__(self, key: StoreKey) -> None:
        self._key = key
        paths = (entry.path.as_posix() for entry in key.entries)
        hashes = np.fromiter(map(hash, paths), np.int64, len(key))
        self._order = np.argsort(hashes)
        self._hashes = hashes[self._order]

    def of(self, path: str) -> int | None:
        """The index of a path; None if the key does not contain it."""
        first, end = (np.searchsorted(self._hashes, hash(path), side) for side in ("left", "right"))
        candidates = self._order[first:end].tolist()
        return next((index for index in candidates if self._key.path(index).as_posix() == path), None)


def _file_states(text: str, start: int) -> Iterator[tuple[str, FileState]]:
    """Yields paths and states one by one: decoded at once, they take ten times the memory of their text."""
    after = ', "stamps": ['
    while not text.startswith("]}", start):
        (path, (size, changed)), start = _value(text, start, after=after)
        after = ", "
        yield path, (size, changed)


def _value(text: str, start: int, *, after: str) -> tuple[Any, int]:
    """The JSON value that follows `after`, and the position of its end."""
    if not text.startswith(after, start):
        raise ValueError(f"there is no {after} at {start}")
    return _DECODER.raw_decode(text, start + len(after))
