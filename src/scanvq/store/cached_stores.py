"""The prepared stores in the cache folder: listed, measured and removed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanvq.store.build import HEADER, KEY_FILE, RAW
from scanvq.store.cache_locks import exclusive_lock, unused
from scanvq.store.row_check import read_settings


@dataclass(frozen=True, kw_only=True)
class CachedStore:
    """A prepared store in the cache folder.

    Attributes:
        folder: of the store.
        scans: the folder whose scans it holds; "" if the store is damaged.
        size: height and width of its slices; None if the store is damaged.
        slices: number of its slices; None if it is not complete.
        disk_bytes: on the disk.
        last_used: when it was opened last, in seconds since 1970.
        in_use: whether a process has it open or prepares it now.
    """

    folder: Path
    scans: str
    size: tuple[int, int] | None
    slices: int | None
    disk_bytes: int
    last_used: float
    in_use: bool


def stores_folder(cache: Path | None = None) -> Path:
    """The folder of all prepared stores: in the argument, $SCANVQ_CACHE, or the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "scanvq"
    if given := os.environ.get("SCANVQ_CACHE"):
        folder = Path(given).expanduser()
    return (folder if cache is None else Path(cache)) / "stores"


def list_stores(cache: Path | None = None) -> list[CachedStore]:
    """The prepared stores, the one used last first. Folders that are none are left out."""
    stores = stores_folder(cache)
    if not stores.is_dir():
        return []
    found = [
        _described(folder)
        for folder in stores.iterdir()
        if not folder.is_symlink() and (folder / KEY_FILE).is_file()
    ]
    return sorted(found, key=lambda store: (-store.last_used, store.folder.name))


def remove_store(folder: Path) -> bool:
    """Removes a prepared store, and returns True; False if a process uses or prepares it."""
    with exclusive_lock(folder.parent, folder.name, wait=False) as acquired, unused(folder / RAW) as free:
        if not (acquired and free):
            return False
        # The header is removed first, so that an interrupted removal leaves no valid store.
        (folder / HEADER).unlink(missing_ok=True)
        shutil.rmtree(folder)
        return True


def _described(folder: Path) -> CachedStore:
    settings: dict[str, Any] = {}
    slices = None
    try:
        settings = read_settings(folder / KEY_FILE)
        size = (int(settings["geometry"]["height"]), int(settings["geometry"]["width"]))
        if (folder / HEADER).is_file():
            slices = int(json.loads((folder / HEADER).read_text(encoding="utf-8"))["shape"][0])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        settings, size = {}, None
    statuses = [file.stat() for file in folder.iterdir()]
    dated = folder / HEADER if (folder / HEADER).is_file() else folder
    with exclusive_lock(folder.parent, folder.name, wait=False) as acquired, unused(folder / RAW) as free:
        in_use = not (acquired and free)
    return CachedStore(
        folder=folder,
        scans=str(settings.get("root", "")),
        size=size,
        slices=slices,
        disk_bytes=sum(status.st_size for status in statuses),
        last_used=dated.stat().st_mtime,
        in_use=in_use,
    )
