"""Builds a prepared store: interruptible at any moment, resumed where it stopped, whole or not there."""

from __future__ import annotations

import errno
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from scanvq.data.formats import UnreadableScan, format_of
from scanvq.data.prepared_file import PreparedFile, prepare_file
from scanvq.data.store_source import Source
from scanvq.files import whole_file, write_text

RAW, INDEX, HEADER, SOURCE, JOURNAL = "raw.bin", "index.npz", "store.json", "source.json", "journal.jsonl"
CHECKPOINT_SECONDS = 1.0
BLOCK = 256  # headers asked for at once
_ELSEWHERE = "free some, or set SCANVQ_CACHE to a folder on a larger disk"

Progress = Callable[[int, int], None]


def build(folder: Path, source: Source, *, workers: int | None, progress: Progress | None) -> None:
    """Prepares every file of a source into `folder`, or goes on where an earlier call was interrupted.

    The slices are appended to one file, in the order of the source. A journal says which files are in: a
    line a file, written only after its slices are on the disk. What was appended beyond the journal is cut
    off on the next start. The header is written last: a folder without it is not a store.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".writing-*"):  # by a process killed in the middle of a small file
        left.unlink()
    if not (folder / SOURCE).exists():
        write_text(folder / SOURCE, json.dumps(source.to_dict()))
    workers = workers or _cores()
    # Threads, because decoding and NumPy let go of the interpreter: measured 1.7-1.8x one thread on 2 cores,
    # against 1.1-1.4x for processes. And a user's script needs no __main__ guard.
    pool = ThreadPoolExecutor(workers)
    try:
        journal = _Journal(folder, source, pool)
        _prepare_all(journal, source, pool, 2 * workers, progress or (lambda done, total: None))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        message = f"no space left for the prepared store (what is done is kept); {_ELSEWHERE}"
        raise OSError(errno.ENOSPC, message, str(folder)) from None
    finally:
        pool.shutdown(cancel_futures=True)
    _finish(folder, source, journal)


def _prepare_all(
    journal: _Journal, source: Source, pool: ThreadPoolExecutor, ahead: int, progress: Progress
) -> None:
    total = len(source.stamps)
    work = partial(_prepare, source, journal.dtype)
    remaining = range(len(journal.lines), total)
    progress(len(journal.lines), total)
    with journal:
        for result in _in_order(pool, work, remaining, ahead=ahead):
            journal.add(result)
            progress(len(journal.lines), total)


def _prepare(source: Source, dtype: np.dtype[Any], number: int) -> PreparedFile | str:
    """One prepared file, or the reason why it cannot be used."""
    path = source.root / source.stamps[number][0]
    try:
        return prepare_file(
            path, geometry=source.geometry, plane=source.plane, slices=source.slices, dtype=dtype
        )
    except UnreadableScan as error:
        return error.reason


class _Journal:
    """What has been prepared so far, on the disk and in `lines`."""

    def __init__(self, folder: Path, source: Source, pool: ThreadPoolExecutor) -> None:
        self.path, self.raw_path = folder / JOURNAL, folder / RAW
        self.lines: list[dict[str, Any]] = []
        first, *done = self._read() or [{}]
        self.dtype = np.dtype(first["dtype"] if first else _raw_dtype(source, pool))
        self.row_bytes = self.dtype.itemsize * source.geometry.height * source.geometry.width
        if not first:
            write_text(self.path, json.dumps({"dtype": self.dtype.name}) + "\n")
        self._take_over(done)
        self._pending: list[dict[str, Any]] = []
        self._saved = time.monotonic()

    def __enter__(self) -> _Journal:
        self._raw: BinaryIO = self.raw_path.open("ab")
        return self

    def __exit__(self, *failure: object) -> None:
        with self._raw:
            self._save()

    def add(self, result: PreparedFile | str) -> None:
        number = len(self.lines)
        if isinstance(result, str):
            line: dict[str, Any] = {"file": number, "problem": result}
        else:
            self._raw.write(result.raw.data)
            line = {
                "file": number,
                "slices": result.slices.tolist(),
                "scale": [result.slope, result.intercept, result.low, result.high],
            }
        self.lines.append(line)
        self._pending.append(line)
        if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            self._save()

    def _save(self) -> None:
        self._raw.flush()
        os.fsync(self._raw.fileno())
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in self._pending))
            file.flush()
            os.fsync(file.fileno())
        self._pending.clear()
        self._saved = time.monotonic()

    def _read(self) -> list[dict[str, Any]]:
        """The lines up to the first that is cut off or out of order."""
        lines: list[dict[str, Any]] = []
        stored = self.path.read_bytes() if self.path.exists() else b""
        for text in stored.splitlines(keepends=True):
            try:
                line = json.loads(text)
                if not text.endswith(b"\n") or (lines and line["file"] != len(lines) - 1):
                    break
            except (ValueError, TypeError, KeyError):
                break
            lines.append(line)
        return lines

    def _take_over(self, done: list[dict[str, Any]]) -> None:
        """Goes on after the last file that is whole in both the journal and the raw file."""
        self.raw_path.touch()
        have, rows = self.raw_path.stat().st_size, 0
        for line in done:
            more = len(line.get("slices", ()))
            if (rows + more) * self.row_bytes > have:
                break
            rows += more
            self.lines.append(line)
        os.truncate(self.raw_path, rows * self.row_bytes)
        kept = [{"dtype": self.dtype.name}, *self.lines]
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in kept))


def _raw_dtype(source: Source, pool: ThreadPoolExecutor) -> str:
    """uint8 if every readable file holds 8-bit pixels, else uint16."""

    def wide(path: str) -> bool:
        try:
            header = format_of(source.root / path).header(source.root / path, plane=source.plane)
        except (UnreadableScan, OSError, ValueError):
            return False  # told in full when its pixels are read
        return header.dtype != np.uint8

    paths = [path for path, _ in source.stamps]
    blocks = (paths[start : start + BLOCK] for start in range(0, len(paths), BLOCK))
    return "uint16" if any(any(pool.map(wide, block)) for block in blocks) else "uint8"


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[int], PreparedFile | str], numbers: range, *, ahead: int
) -> Iterator[PreparedFile | str]:
    """Results in the order of `numbers`, worked on a few ahead: never the whole cohort in memory."""
    running: deque[Future[PreparedFile | str]] = deque()
    for number in numbers:
        running.append(pool.submit(work, number))
        if len(running) >= ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def _finish(folder: Path, source: Source, journal: _Journal) -> None:
    """Writes the index and, last, the header that makes the folder a store."""
    good = [(number, line) for number, line in enumerate(journal.lines) if "slices" in line]
    counts = [len(line["slices"]) for _, line in good]
    scales = np.array([line["scale"] for _, line in good], np.float64).reshape(-1, 4).repeat(counts, axis=0)
    slope, intercept, file_low, file_high = scales.T.copy()
    with whole_file(folder / INDEX) as temporary:
        np.savez(
            temporary,
            slope=slope,
            intercept=intercept,
            file_low=file_low,
            file_high=file_high,
            entry=np.repeat(np.array([number for number, _ in good], np.int64), counts),
            slice_index=np.array([number for _, line in good for number in line["slices"]], np.int64),
        )
    header = {
        "shape": [sum(counts), source.geometry.height, source.geometry.width],
        "dtype": journal.dtype.name,
        "problems": [
            [source.stamps[number][0], line["problem"]]
            for number, line in enumerate(journal.lines)
            if "problem" in line
        ],
    }
    write_text(folder / HEADER, json.dumps(header))
    (folder / JOURNAL).unlink()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
