"""The prepared store: all slices, read once and resized, in one memory-mapped file."""

from __future__ import annotations

import json
import os
import shutil
import warnings
import weakref
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import Catalog
from scanvq.cohort.headers import Headers
from scanvq.imaging.display import display_name
from scanvq.imaging.formats import Plane
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.slice_selection import check_slices
from scanvq.store.build import HEADER, INDEX, KEY_FILE, RAW, build
from scanvq.store.cache_locks import exclusive_lock, hold_in_use, is_same_file
from scanvq.store.cached_stores import stores_folder
from scanvq.store.digest import seal_of
from scanvq.store.row_check import (
    StoreRepairedWarning,
    described,
    read_settings,
    repaired_rows,
    row_checksums,
    write_rows,
)
from scanvq.store.stale import is_stale
from scanvq.store.store_key import StoreKey

Problem = tuple[str, str]
"""Path of a file relative to the root of the catalog, and the reason why it cannot be used."""


class BadScans(ValueError):  # noqa: N818 - named for the user
    """Unusable files, all of them in `problems`, reported before training starts."""

    def __init__(self, problems: Sequence[Problem], total: int) -> None:
        self.problems = list(problems)
        self.total = total
        super().__init__(self.problems, total)

    def __str__(self) -> str:
        bad = len(self.problems)
        lines = [f"{bad} of {self.total} files cannot be used:"]
        lines += [f"  {display_name(path)}: {display_name(reason)}" for path, reason in self.problems]
        if bad < self.total:
            lines.append("Repair or remove them, or leave them out with --skip-bad (skip_bad=True).")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, eq=False)
class Store:
    """N prepared slices, in the order of the catalog's entries.

    Every row is compared with its checksum when it is first read. The rows of a scan whose row is damaged are
    prepared again and written back, with a `StoreRepairedWarning`.

    Attributes:
        folder: folder of the store.
        catalog: catalog of the rows.
        raw: (N, H, W) uint8 or uint16, memory-mapped; native units are raw * slope + intercept. Indexing maps
            its pages into the memory of this process; `gather` does not.
        slope: (N,) float64.
        intercept: (N,) float64.
        file_low: (N,) float64, lowest native value of the row's file.
        file_high: (N,) float64, highest native value of the row's file.
        entry: (N,) int64, index into `catalog.entries`.
        slice_index: (N,) int64, index of the slice in its file.
        slice_count: (N,) int64, number of all slices of the row's file.
        checksum: (N,) uint32, see `row_checksums`.
        skipped: unusable files that were skipped, with the reason.
        digest: content digest, see `digest_store`.
        replaced: whether a stale store of the same folder was removed.
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
    checksum: NDArray[np.uint32]
    skipped: tuple[Problem, ...]
    digest: str
    replaced: bool = False
    _handle: int = field(repr=False)
    _is_checked: NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, os.close, self._handle)
        object.__setattr__(self, "_is_checked", np.zeros(len(self.raw), np.bool_))

    def __len__(self) -> int:
        return len(self.raw)

    def rows(self, split: str) -> NDArray[np.int64]:
        """The indices of the rows of a split: "train", "validation" or "test"."""
        entries = self.catalog.entries
        in_split = np.fromiter((entry.split == split for entry in entries), bool, len(entries))
        return np.flatnonzero(in_split[self.entry])

    def gather(self, rows: NDArray[np.integer[Any]], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Raw levels (B, H, W) of rows, copied into `out` if given.

        Reads the file instead of indexing the memory map: both take 0.1 ms for 16 slices of 256x256, but
        pages of the map count as memory of this process, up to the size of the store.

        Raises:
            DamagedStoreError: rows that are damaged on disk and whose scan no longer gives them.
        """
        if out is None:
            out = np.empty((len(rows), *self.raw.shape[1:]), self.raw.dtype)
        self._read(rows, out)
        new = np.flatnonzero(~self._is_checked[rows])
        if len(new):
            damaged = new[row_checksums(out[new]) != self.checksum[rows[new]]]
            if len(damaged):
                self._repair(np.unique(self.entry[rows[damaged]]))
                self._read(rows, out)
            self._is_checked[rows] = True
        return out

    def _repair(self, entries: NDArray[np.int64]) -> None:
        """Prepares all rows of some entries again."""
        settings = read_settings(self.folder / KEY_FILE)
        paths = [self.catalog.entries[number].path.as_posix() for number in entries.tolist()]
        for number, path in zip(entries.tolist(), paths, strict=True):
            rows = np.flatnonzero(self.entry == number)
            repaired = repaired_rows(
                self.catalog.root / path,
                settings=settings,
                dtype=self.raw.dtype,
                checksums=self.checksum[rows],
            )
            write_rows(self.folder / RAW, int(rows[0]), repaired)
        message = (
            f"prepared slices in {self.folder} were damaged on disk; those of {described(paths)} are "
            "prepared again from the scans"
        )
        warnings.warn(message, StoreRepairedWarning, stacklevel=3)

    def _read(self, rows: NDArray[np.integer[Any]], out: NDArray[Any]) -> None:
        if not hasattr(os, "preadv"):
            np.take(self.raw, rows, axis=0, out=out)
            return
        size = out[:1].nbytes
        for target, row in zip(out, rows, strict=True):
            if not 0 <= row < len(self.raw):
                raise IndexError(f"row {row} of a store of {len(self.raw)}")
            if os.preadv(self._handle, [target.data], int(row) * size) != size:
                raise OSError(
                    f"{self.folder / RAW} was truncated while it was in use: prepare the data again"
                )

    def native(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Rows in native units, (B, H, W) float64."""
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
    """Opens the store of a catalog; builds it first if there is none or if any file changed.

    Args:
        catalog: the files, in the order of the rows.
        geometry: geometry of the prepared slices.
        plane: slicing plane of volumes.
        slices: slice selection: foreground, all, FIRST:END or middle:COUNT.
        headers: headers of the files, if they have been read; None reads them if needed.
        cache: folder for prepared stores; None = see `stores_folder`.
        skip_bad: skip unusable files instead of raising BadScans.
        workers: number of reading threads; None = one per core.
        progress: called with the numbers of completed and of all files.

    Raises:
        BadScans: unusable files, without `skip_bad` or if no file is usable. Usable files stay prepared.
    """
    check_slices(slices)
    if not catalog.entries:
        raise ValueError(f"{catalog.root} holds no scans, so there is nothing to prepare")
    key = StoreKey.of(catalog, geometry=geometry, plane=plane, slices=slices)
    stores = stores_folder(cache)
    folder = stores / key.name
    store = _open(folder, catalog)
    if store is None:
        stores.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(stores, key.name):
            store = _open(folder, catalog)  # another process may have built it
            if store is None:
                if (folder / HEADER).exists():
                    message = f"the prepared store {folder} is damaged; all of its scans are prepared again"
                    warnings.warn(message, StoreRepairedWarning, stacklevel=2)
                (folder / HEADER).unlink(missing_ok=True)
                build(folder, key, headers=headers, workers=workers, progress=progress)
                store = open_store(folder, catalog, replaced=_remove_stale(stores, key))
    if store.skipped and not (skip_bad and len(store)):
        raise BadScans(store.skipped, len(catalog.entries))
    return store


def open_store(folder: Path, catalog: Catalog, *, replaced: bool = False) -> Store:
    """Opens a complete store, in milliseconds.

    Args:
        folder: folder of the store, see `Store.folder`.
        catalog: catalog from which it was prepared; only splits and labels may differ.
        replaced: value of `Store.replaced`.

    Raises:
        ValueError: the folder does not contain a complete store.
    """
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        shape, dtype, digest = tuple(header["shape"]), np.dtype(header["dtype"]), str(header["digest"])
        with np.load(folder / INDEX, allow_pickle=False) as arrays:
            index = {name: arrays[name] for name in arrays.files}
        if header.get("seal") != seal_of(header, index):
            raise ValueError("its header or its index is damaged")
        handle = os.open(folder / RAW, os.O_RDONLY)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(f"{folder} is not a complete store ({error}): prepare it again") from None
    hold_in_use(handle)
    if not is_same_file(folder / RAW, handle):
        os.close(handle)
        raise ValueError(f"{folder} was removed by another process: prepare it again")
    with suppress(OSError):  # a cache that may only be read has no time of last use
        os.utime(folder / HEADER)
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


def _open(folder: Path, catalog: Catalog) -> Store | None:
    if not (folder / HEADER).exists():
        return None
    try:
        return open_store(folder, catalog)
    except ValueError:
        return None


def _remove_stale(stores: Path, key: StoreKey) -> bool:
    """Removes stale stores of the same files, complete or not; returns whether any was removed."""
    removed = False
    for folder in stores.iterdir():
        if folder.name == key.name or not (folder / KEY_FILE).exists():
            continue
        try:
            stale = is_stale(folder / KEY_FILE, key)
        except (OSError, ValueError):
            continue
        if stale:
            with exclusive_lock(stores, folder.name, wait=False) as acquired:
                if acquired:
                    # The header is removed first, so that an interrupted removal leaves no valid store.
                    (folder / HEADER).unlink(missing_ok=True)
                    shutil.rmtree(folder, ignore_errors=True)
                    removed = True
    return removed
