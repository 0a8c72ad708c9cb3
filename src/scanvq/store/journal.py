"""The journal of a store that is being built: what is done is on the disk, and only there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from scanvq.storage.files import write_text
from scanvq.store.prepared_file import PreparedFile

CHECKPOINT_SECONDS = 1.0


class Journal:
    """A line a file, written only after its slices are on the disk, in the order of the source.

    Goes on after the last file that is whole in both the journal and the raw file, and cuts off the rest. It
    is appended to and flushed to the disk itself: written whole each time, as `whole_file` does, a store of n
    files would take n copies of its slices.

    Args:
        path: of the journal.
        raw_path: of the slices.
        pixels: of a slice.
        dtype: asked for the type of the slices where there is no journal yet.

    Attributes:
        files: how many are done.
        rows: how many slices they have.
        dtype: of the slices.
    """

    def __init__(self, path: Path, raw_path: Path, *, pixels: int, dtype: Callable[[], str]) -> None:
        self.path, self.raw_path = path, raw_path
        self.files, self.rows = 0, 0
        first = next(self._stored(), None)
        if first is None:
            first = {"dtype": dtype()}
            write_text(path, json.dumps(first) + "\n")
        self.dtype = np.dtype(first["dtype"])
        self._take_over(pixels * self.dtype.itemsize)
        self._pending: list[str] = []
        self._saved = time.monotonic()

    def __enter__(self) -> Journal:
        self._raw: BinaryIO = self.raw_path.open("ab")
        return self

    def __exit__(self, *failure: object) -> None:
        with self._raw:
            self._save()

    def add(self, result: PreparedFile | str) -> None:
        """The next file's slices, or why it cannot be used."""
        if isinstance(result, str):
            line: dict[str, Any] = {"file": self.files, "problem": result}
        else:
            self._raw.write(result.raw.data)
            self.rows += len(result.slices)
            line = {
                "file": self.files,
                "slices": result.slices.tolist(),
                "total": result.total,
                "scale": [result.slope, result.intercept, result.low, result.high],
            }
        self.files += 1
        self._pending.append(json.dumps(line) + "\n")
        if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            self._save()

    def lines(self) -> Iterator[dict[str, Any]]:
        """What was added, read from the disk, once the journal is closed."""
        stored = self._stored()
        next(stored)
        return stored

    def _save(self) -> None:
        self._raw.flush()
        os.fsync(self._raw.fileno())
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(self._pending)
            file.flush()
            os.fsync(file.fileno())
        self._pending.clear()
        self._saved = time.monotonic()

    def _stored(self) -> Iterator[dict[str, Any]]:
        """The lines up to the first that is cut off or out of order; the first of all holds the type."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, text in enumerate(file, start=-1):
                try:
                    line = json.loads(text)
                    if not text.endswith(b"\n") or (number >= 0 and line["file"] != number):
                        return
                except (ValueError, TypeError, KeyError):
                    return
                yield line

    def _take_over(self, row_bytes: int) -> None:
        self.raw_path.touch()
        have = self.raw_path.stat().st_size
        for line in self.lines():
            more = len(line.get("slices", ()))
            if (self.rows + more) * row_bytes > have:
                break
            self.files += 1
            self.rows += more
        os.truncate(self.raw_path, self.rows * row_bytes)
        with self.path.open("rb+") as file:
            for _ in range(1 + self.files):
                file.readline()
            file.truncate()
            os.fsync(file.fileno())
