"""What a prepared store is made from, and the name that changes when any of it does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scanvq.data.catalog import Catalog
from scanvq.data.formats import Plane, UnreadableScan, format_of
from scanvq.data.geometry import Geometry

FORMAT_VERSION = 1

Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds; (-1, -1) for a file that is not there.

Of several files that are one scan: their bytes, and a digest of their names, sizes and times.
"""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The files of a catalog as they are now, and the settings that slices are prepared with."""

    root: Path
    stamps: tuple[tuple[str, Stamp], ...]
    geometry: Geometry
    plane: Plane
    slices: str

    @classmethod
    def of(cls, catalog: Catalog, *, geometry: Geometry, plane: Plane, slices: str) -> Source:
        root = catalog.root.resolve()
        stamps = tuple((entry.path.as_posix(), _stamp(root / entry.path)) for entry in catalog.entries)
        return cls(root=root, stamps=stamps, geometry=geometry, plane=plane, slices=slices)

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
        digest = hashlib.sha256(json.dumps([self.settings, self.stamps]).encode()).hexdigest()[:20]
        return f"{self.root.name[:40] or 'root'}-{digest}"

    def to_dict(self) -> dict[str, Any]:
        return {"settings": self.settings, "stamps": self.stamps}

    def supersedes(self, stored: Mapping[str, Any]) -> bool:
        """Whether an older store of the same folder and settings can be thrown away.

        It can if one of its files changed or is gone, or if this one holds all of its files. A store of other
        files of the same folder (its segmentations, say) stays.
        """
        old, new = dict(stored["settings"]), dict(self.settings)
        outdated = old.pop("version") != new.pop("version")
        if old != new:
            return False
        if outdated:
            return True
        now = dict(self.stamps)
        before = {path: tuple(stamp) for path, stamp in stored["stamps"]}
        if before.keys() <= now.keys():
            return True
        return any((now.get(path) or _stamp(self.root / path)) != stamp for path, stamp in before.items())


def _stamp(path: Path) -> Stamp:
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
    told = repr([(name, status.st_size, status.st_mtime_ns) for name, status in found])
    digest = int.from_bytes(hashlib.sha256(told.encode()).digest()[:6], "big")
    return (sum(status.st_size for _, status in found), digest)
