"""Checksums of the rows of a prepared store, and repair of damaged rows from their scans."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import UnreadableScan
from scanvq.imaging.geometry import Geometry
from scanvq.store.prepared_file import prepare_file


class StoreRepairedWarning(UserWarning):
    """A prepared store was damaged on disk and was prepared again, in part or as a whole."""


class DamagedStoreError(ValueError):
    """A prepared store that is damaged and whose scans no longer give its slices."""


def row_checksums(rows: NDArray[Any]) -> NDArray[np.uint32]:
    """CRC-32 of every row (N,) of levels (N, H, W), over little-endian bytes as they are on disk."""
    return np.array([zlib.crc32(np.ascontiguousarray(row).data) for row in rows], np.uint32)


def repaired_rows(
    scan: Path, *, settings: dict[str, Any], dtype: np.dtype[Any], checksums: NDArray[np.uint32]
) -> NDArray[Any]:
    """All rows (n, H, W) of a scan, prepared again.

    Args:
        scan: path of the scan.
        settings: settings of the store, see `read_settings`.
        dtype: dtype of the levels.
        checksums: (n,) expected checksums.

    Raises:
        DamagedStoreError: the scan cannot be read any more, or gives other rows.
    """
    remedy = "remove this store, then prepare the data again"
    try:
        prepared = prepare_file(
            scan,
            geometry=Geometry.from_dict(settings["geometry"]),
            plane=settings["plane"],
            slices=settings["slices"],
            dtype=dtype,
        )
    except UnreadableScan as error:
        raise DamagedStoreError(
            f"the prepared slices of {scan} are damaged on disk, and the scan itself cannot be read any more "
            f"({error.reason}): {remedy}"
        ) from None
    if not np.array_equal(row_checksums(prepared.raw), checksums):
        raise DamagedStoreError(
            f"the prepared slices of {scan} are damaged on disk, and the scan now gives other ones (it was "
            f"changed): {remedy}"
        )
    return prepared.raw


def read_settings(key_file: Path) -> dict[str, Any]:
    """The settings of a store, from its key file.

    Raises:
        DamagedStoreError: not a key file.
    """
    start = '{"settings": '
    try:
        text = key_file.read_text(encoding="utf-8")
        if not text.startswith(start):
            raise ValueError("it has no settings")
        settings: dict[str, Any] = json.JSONDecoder().raw_decode(text, len(start))[0]
    except (OSError, ValueError) as error:
        raise DamagedStoreError(
            f"the prepared store in {key_file.parent} is damaged ({error}): remove this folder, then prepare "
            "the data again"
        ) from None
    return settings


def write_rows(raw: Path, first: int, rows: NDArray[Any]) -> None:
    """Writes rows (n, H, W) into the raw file of a store, from row `first` on."""
    with raw.open("rb+") as file:
        file.seek(first * rows[:1].nbytes)
        file.write(np.ascontiguousarray(rows).data)


def described(paths: Sequence[str], *, shown: int = 3) -> str:
    """The first of some paths, and the number of all others."""
    more = f" and {len(paths) - shown:,} more" if len(paths) > shown else ""
    return ", ".join(paths[:shown]) + more
