"""What a prepared store is made from, and the name that changes when any of it does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.formats import Plane, UnreadableScan, format_of
from scanvq.imaging.geometry import Geometry
from scanvq.storage.files import atomic_write

FORMAT_VERSION = 2
BLOCK = 256  # files told at once

Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds; (-1, -1) for a file that is not there.

Of several files that are one scan: their bytes, and a digest of their names, sizes and times.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class StoreKey:
    """The files of a catalog as they are now, and the settings that slices are prepared with.

    Attributes:
        root: the folder that the files are in.
        entries: the files.
        stamps: (N, 2) int64, a `Stamp` of each.
        geometry: the size that every slice is brought to.
        plane: how volumes are cut.
        slices: which slices of a volume are used.
    """

    root: Path
    entries: Sequence[Entry]
    stamps: NDArray[np.int64]
    geometry: Geometry
    plane: Plane
    slices: str

    @classmethod
    def of(cls, catalog: Catalog, *, geometry: Geometry, plane: Plane, slices: str) -> StoreKey:
        root = catalog.root.resolve()
        stamps = np.empty((len(catalog.entries), 2), np.int64)
        for number, entry in enumerate(catalog.entries):
            stamps[number] = stamp_of(root / entry.path)
        return cls(
            root=root,
            entries=catalog.entries,
            stamps=stamps,
            geometry=geometry,
            plane=plane,
            slices=slices,
        )

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def missing(self) -> list[Path]:
        """The files that are not there, relative to the root."""
        return [self.path(int(number)) for number in np.flatnonzero(self.stamps[:, 0] < 0)]

    def path(self, number: int) -> Path:
        """A file's path relative to the root."""
        return self.entries[number].path

    @cached_property
    def settings(self) -> dict[str, Any]:
        return {
            "version": FORMAT_VERSION,
            "root": str(self.root),
            "geometry": self.geometry.to_dict(),
            "plane": self.plane,
            "slices": self.slices,
        }

    @cached_property
    def name(self) -> str:
        """The store's folder name: for people the data's name, for machines a digest of everything."""
        digest = hashlib.sha256(f"[{json.dumps(self.settings)}, [".encode())
        for text in self._texts():
            digest.update(text.encode())
        digest.update(b"]]")
        return f"{self.root.name[:40] or 'root'}-{digest.hexdigest()[:20]}"

    def write(self, file: Path) -> None:
        """Writes it as JSON, whole or not at all."""
        with atomic_write(file) as temporary, temporary.open("w", encoding="utf-8") as opened:
            opened.write(f'{{"settings": {json.dumps(self.settings)}, "stamps": [')
            opened.writelines(self._texts())
            opened.write("]}")

    def _texts(self) -> Iterator[str]:
        """The JSON of [[path, stamp], ...] without its outer brackets, some files at a time."""
        for start in range(0, len(self), BLOCK):
            paths = [entry.path.as_posix() for entry in self.entries[start : start + BLOCK]]
            stamps = self.stamps[start : start + BLOCK].tolist()
            yield (", " if start else "") + json.dumps([*zip(paths, stamps, strict=True)])[1:-1]


def stamp_of(path: Path) -> Stamp:
    """A scan as it is now."""
    try:
        files = format_of(path).files(path)
    except UnreadableScan:
        files = (path,)
    try:
        found = [(file.name, file.stat()) for file in files]
    except OSError:
        return (-1, -1)
    if len(found) == 1:
        return (found[0][1].st_size, found[0][1].st_mtime_ns)
    reported = repr([(name, status.st_size, status.st_mtime_ns) for name, status in found])
    digest = int.from_bytes(hashlib.sha256(reported.encode()).digest()[:6], "big")
    return (sum(status.st_size for _, status in found), digest)
