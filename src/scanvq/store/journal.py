"""Write-ahead journal of a store under construction: it lists the files whose slices are on disk."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from scanvq.storage.files import write_text
from scanvq.store.prepared_file import PreparedFile
from scanvq.store.row_check import row_checksums

CHECKPOINT_SECONDS = 1.0


class Journal:
    """One line per file, in the order of the catalog, written after the file's slices are on disk.

    Resumes after the last file that is complete and undamaged in both the journal and the raw file, and
    truncates both to it. Journal and raw file are appended to and flushed in place: `atomic_write` would copy
    all slices for every file.

    Args:
        path: path of the journal.
        raw_path: path of the raw file of slices.
        pixels: number of pixels of a slice.
        dtype: returns the dtype of the slices; called only if there is no journal yet.

    Attributes:
        files: number of completed files.
        rows: number of their slices.
        dtype: dtype of the slices.
    """

    def __init__(self, path: Path, raw_path: Path, *, pixels: int, dtype: Callable[[], str]) -> None:
        self.path, self.raw_path = path, raw_path
        self.files, self.rows = 0, 0
        header = next(self._read_lines(), None)
        if header is None:
            header = {"dtype": dtype()}
            write_text(path, json.dumps(header) + "\n")
        self.dtype = np.dtype(header["dtype"])
        self._recover(pixels * self.dtype.itemsize)
        self._pending: list[str] = []
        self._saved = time.monotonic()

    def __enter__(self) -> Journal:
        self._raw: BinaryIO = self.raw_path.open("ab")
        return self

    def __exit__(self, *failure: object) -> None:
        with self._raw:
            self._save()

    def add(self, result: PreparedFile | str) -> None:
        """Appends the slices of the next file, or the reason why it cannot be used."""
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
                "checksums": row_checksums(result.raw).tolist(),
            }
        self.files += 1
        self._pending.append(json.dumps(line) + "\n")
        if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            self._save()

    def lines(self) -> Iterator[dict[str, Any]]:
        """The lines of the files, read from disk; to be called after the journal is closed."""
        lines = self._read_lines()
        next(lines)
        return lines

    def _save(self) -> None:
        self._raw.flush()
        os.fsync(self._raw.fileno())
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(self._pending)
            file.flush()
            os.fsync(file.fileno())
        self._pending.clear()
        self._saved = time.monotonic()

    def _read_lines(self) -> Iterator[dict[str, Any]]:
        """The lines up to the first incomplete or misplaced one; the first line holds the dtype."""
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

    def _recover(self, row_bytes: int) -> None:
        self.raw_path.touch()
        raw_bytes = self.raw_path.stat().st_size
        with self.raw_path.open("rb") as raw:
            for line in self.lines():
                slices = len(line.get("slices", ()))
                if (self.rows + slices) * row_bytes > raw_bytes:
                    break
                written = [zlib.crc32(raw.read(row_bytes)) for _ in range(slices)]
                if written != line.get("checksums", []):
                    break
                self.files += 1
                self.rows += slices
        os.truncate(self.raw_path, self.rows * row_bytes)
        with self.path.open("rb+") as file:
            for _ in range(1 + self.files):
                file.readline()
            file.truncate()
            os.fsync(file.fileno())
