"""The key of a prepared store: files and settings, and the cache name derived from them."""

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

FORMAT_VERSION = 3
BLOCK = 256  # files per block of JSON

FileState = tuple[int, int]
"""Size in bytes and modification time in nanoseconds; (-1, -1) for a missing file.

For scans of several files: total size, and a digest of names, sizes and times.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class StoreKey:
    """The current state of the files of a catalog, and the settings of their preparation.

    Attributes:
        root: folder of the files.
        entries: the files.
        file_states: (N, 2) int64, the `FileState` of each file.
        geometry: geometry of the prepared slices.
        plane: slicing plane of volumes.
        slices: slice selection.
    """

    root: Path
    entries: Sequence[Entry]
    file_states: NDArray[np.int64]
    geometry: Geometry
    plane: Plane
    slices: str

    @classmethod
    def of(cls, catalog: Catalog, *, geometry: Geometry, plane: Plane, slices: str) -> StoreKey:
        root = catalog.root.resolve()
        file_states = np.empty((len(catalog.entries), 2), np.int64)
        for number, entry in enumerate(catalog.entries):
            file_states[number] = file_state(root / entry.path)
        return cls(
            root=root,
            entries=catalog.entries,
            file_states=file_states,
            geometry=geometry,
            plane=plane,
            slices=slices,
        )

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def missing(self) -> list[Path]:
        """The missing files, relative to the root."""
        return [self.path(int(number)) for number in np.flatnonzero(self.file_states[:, 0] < 0)]

    def path(self, number: int) -> Path:
        """The path of a file relative to the root."""
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
        """The folder name of the store: the name of the data folder and a digest of files and settings."""
        digest = hashlib.sha256(f"[{json.dumps(self.settings)}, [".encode())
        for text in self._json_blocks():
            digest.update(text.encode())
        digest.update(b"]]")
        return f"{self.root.name[:40] or 'root'}-{digest.hexdigest()[:20]}"

    def write(self, file: Path) -> None:
        """Writes the key as JSON, atomically."""
        with atomic_write(file) as temporary, temporary.open("w", encoding="utf-8") as opened:
            opened.write(f'{{"settings": {json.dumps(self.settings)}, "stamps": [')
            opened.writelines(self._json_blocks())
            opened.write("]}")

    def _json_blocks(self) -> Iterator[str]:
        """Yields the JSON of [[path, state], ...] without its outer brackets, in blocks of files."""
        for start in range(0, len(self), BLOCK):
            paths = [entry.path.as_posix() for entry in self.entries[start : start + BLOCK]]
            file_states = self.file_states[start : start + BLOCK].tolist()
            yield (", " if start else "") + json.dumps([*zip(paths, file_states, strict=True)])[1:-1]


def file_state(path: Path) -> FileState:
    """The current state of a scan."""
    try:
        files = format_of(path).files(path)
    except UnreadableScan:
        files = (path,)
    try:
        statuses = [(file.name, file.stat()) for file in files]
    except OSError:
        return (-1, -1)
    if len(statuses) == 1:
        return (statuses[0][1].st_size, statuses[0][1].st_mtime_ns)
    content = repr([(name, status.st_size, status.st_mtime_ns) for name, status in statuses])
    digest = int.from_bytes(hashlib.sha256(content.encode()).digest()[:6], "big")
    return (sum(status.st_size for _, status in statuses), digest)
