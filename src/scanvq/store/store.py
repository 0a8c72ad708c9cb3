"""The prepared store: every slice read once, brought to size and kept in one memory-mapped file."""

from __future__ import annotations

import json
import os
import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import Catalog
from scanvq.cohort.headers import Headers
from scanvq.imaging.formats import Plane
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.slice_selection import check_slices
from scanvq.store.build import HEADER, INDEX, RAW, SOURCE, build
from scanvq.store.store_key import StoreKey
from scanvq.store.superseded import is_superseded

Problem = tuple[str, str]
"""A file's path relative to the catalog's root, and why it cannot be used."""


class BadScans(ValueError):  # noqa: N818 - it names what is wrong, as a user reads it
    """Files that cannot be trained on: all of them, in `problems`, told before training starts."""

    def __init__(self, problems: Sequence[Problem], total: int) -> None:
        self.problems = list(problems)
        self.total = total
        super().__init__(self.problems, total)

    def __str__(self) -> str:
        bad = len(self.problems)
        lines = [f"{bad} of {self.total} files cannot be used:"]
        lines += [f"  {path}: {reason}" for path, reason in self.problems]
        if bad < self.total:
            lines.append("Repair or remove them, or leave them out with --skip-bad (skip_bad=True).")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, eq=False)
class Store:
    """N prepared slices, in the order of the catalog's entries.

    Attributes:
        folder: where it lies.
        catalog: what the rows belong to.
        raw: (N, H, W) uint8 or uint16, memory-mapped; native units are raw * slope + intercept. Whoever
            indexes it maps its pages into this process's memory: `gather` does not.
        slope: (N,) float64.
        intercept: (N,) float64.
        file_low: (N,) float64, the lowest native value of the row's whole file.
        file_high: (N,) float64, the highest.
        entry: (N,) int64, index into `catalog.entries`.
        slice_index: (N,) int64, number of the slice in its file.
        slice_count: (N,) int64, how many slices the row's whole file has, used or not.
        skipped: the bad files that were left out, with the reason.
        digest: see `digest_store`.
        replaced: whether an older store of the same folder, made from files that changed, was removed.
    """

    folder: Path
    catalog: Catalog
    raw: NDArray[Any]
    slope: NDArray[np.float64]
    intercept: NDArray[np.float64]
    file_low: NDArray[np.float64]
    file_high: NDArray[np.float64]
    entry: NDArray[np.int64]
    slice_index: NDArray[np.int64]
    slice_count: NDArray[np.int64]
    skipped: tuple[Problem, ...]
    digest: str
    replaced: bool = False
    _handle: int = field(repr=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, os.close, self._handle)

    def __len__(self) -> int:
        return len(self.raw)

    def rows(self, split: str) -> NDArray[np.int64]:
        """The rows whose entry is in a split: "train", "validation" or "test"."""
        entries = self.catalog.entries
        inside = np.fromiter((entry.split == split for entry in entries), bool, len(entries))
        return np.flatnonzero(inside[self.entry])

    def gather(self, rows: NDArray[np.integer[Any]], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Raw levels (B, H, W) of some rows, copied into `out` if given.

        Reads the file instead of indexing the memory map: 0.1 ms for 16 slices of 256x256 either way, but
        pages of a map count as this process's memory, in the end the whole store.
        """
        if out is None:
            out = np.empty((len(rows), *self.raw.shape[1:]), self.raw.dtype)
        if not hasattr(os, "preadv"):
            return np.take(self.raw, rows, axis=0, out=out)
        size = out[:1].nbytes
        for place, row in zip(out, rows, strict=True):
            if not 0 <= row < len(self.raw):
                raise IndexError(f"row {row} of a store of {len(self.raw)}")
            if os.preadv(self._handle, [place.data], int(row) * size) != size:
                raise OSError(f"{self.folder / RAW} was cut short while it was in use: prepare it again")
        return out

    def native(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Some rows in their scans' own units, (B, H, W)."""
        levels = self.gather(rows).astype(np.float64)
        return levels * self.slope[rows, None, None] + self.intercept[rows, None, None]


def prepare_store(
    catalog: Catalog,
    *,
    geometry: Geometry,
    plane: Plane = "axial",
    slices: str = "foreground",
    headers: Headers | None = None,
    cache: Path | None = None,
    skip_bad: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Store:
    """Opens the store of a catalog, after building it if there is none or if any file changed.

    Args:
        catalog: the files, in the order that the rows will have.
        geometry: the size that every slice is brought to.
        plane: how volumes are cut.
        slices: which slices of a volume are used: foreground, all, FIRST:END or middle:COUNT.
        headers: of the catalog's files, where they were read before; None reads them where they are needed.
        cache: folder for prepared stores; see `cache_folder`.
        skip_bad: leave bad files out instead of raising BadScans.
        workers: threads that read; None = one a core.
        progress: called with the number of files done and in all.

    Raises:
        BadScans: files that cannot be used, all of them; without `skip_bad`, or when none is left. The others
            stay prepared.
    """
    check_slices(slices)
    if not catalog.entries:
        raise ValueError(f"{catalog.root} holds no scans, so there is nothing to prepare")
    source = StoreKey.of(catalog, geometry=geometry, plane=plane, slices=slices)
    stores = cache_folder(cache) / "stores"
    folder = stores / source.name
    store = _open(folder, catalog)
    if store is None:
        stores.mkdir(parents=True, exist_ok=True)
        with _alone(stores, source.name):
            store = _open(folder, catalog)  # another process may have built it meanwhile
            if store is None:
                (folder / HEADER).unlink(missing_ok=True)
                build(folder, source, headers=headers, workers=workers, progress=progress)
                store = open_store(folder, catalog, replaced=_remove_older(stores, source))
    if store.skipped and not (skip_bad and len(store)):
        raise BadScans(store.skipped, len(catalog.entries))
    return store


def open_store(folder: Path, catalog: Catalog, *, replaced: bool = False) -> Store:
    """Opens a complete store, in milliseconds.

    Args:
        folder: a store's folder, as in `Store.folder`.
        catalog: the catalog it was prepared from; only splits and labels may have changed since.
        replaced: passed on to the store.

    Raises:
        ValueError: the folder holds no complete store.
    """
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        shape, dtype, digest = tuple(header["shape"]), np.dtype(header["dtype"]), str(header["digest"])
        with np.load(folder / INDEX, allow_pickle=False) as arrays:
            index = {name: arrays[name] for name in arrays.files}
        handle = os.open(folder / RAW, os.O_RDONLY)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{folder} is not a complete store ({error}): prepare it again") from None
    size = os.fstat(handle).st_size
    if size != int(np.prod(shape)) * dtype.itemsize:
        os.close(handle)
        raise ValueError(
            f"{folder / RAW} has {size} bytes, which is not a store of {shape}: prepare it again"
        )
    # An empty file cannot be mapped.
    raw = np.memmap(folder / RAW, dtype, "r", shape=shape) if size else np.empty(shape, dtype)
    return Store(
        folder=folder,
        catalog=catalog,
        raw=raw,
        skipped=tuple((path, reason) for path, reason in header["problems"]),
        digest=digest,
        replaced=replaced,
        _handle=handle,
        **index,
    )


def cache_folder(cache: Path | None = None) -> Path:
    """The folder for what can be made again: the argument, $SCANVQ_CACHE, or the user's cache."""
    if cache is not None:
        return Path(cache)
    if given := os.environ.get("SCANVQ_CACHE"):
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "scanvq"


def _open(folder: Path, catalog: Catalog) -> Store | None:
    if not (folder / HEADER).exists():
        return None
    try:
        return open_store(folder, catalog)
    except ValueError:
        return None


def _remove_older(stores: Path, source: StoreKey) -> bool:
    """Removes what earlier versions of the same files left, finished or not."""
    removed = False
    for folder in stores.iterdir():
        if folder.name == source.name or not (folder / SOURCE).exists():
            continue
        try:
            superseded = is_superseded(folder / SOURCE, source)
        except (OSError, ValueError):
            continue
        if superseded:
            with _alone(stores, folder.name, wait=False) as free:
                if free:
                    # The header goes first: whatever happens next, nobody takes the rest for a store.
                    (folder / HEADER).unlink(missing_ok=True)
                    shutil.rmtree(folder, ignore_errors=True)
                    removed = True
    return removed


@contextmanager
def _alone(stores: Path, name: str, *, wait: bool = True) -> Iterator[bool]:
    """Lets one process build (or remove) a store at a time; gives False where it did not wait its turn.

    The system frees the lock of a process that dies.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield True
        return
    path = stores / f".{name}.lock"
    while True:
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            if not _is_at(path, file.fileno()):
                continue  # whoever had it before took the file away: a newcomer would not see this lock
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
            return


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
