"""The headers of all files of a catalog, read side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from scanvq.data.catalog import Catalog, Entry
from scanvq.data.formats import Header, Plane, UnreadableScan, format_of

Progress = Callable[[int, int], None]


def read_headers(
    catalog: Catalog, *, plane: Plane = "axial", progress: Progress | None = None
) -> list[Header | UnreadableScan]:
    """The header of every entry, or why it cannot be read; in the catalog's order."""

    def one(entry: Entry) -> Header | UnreadableScan:
        path = catalog.root / entry.path
        try:
            return format_of(path).header(path, plane=plane)
        except UnreadableScan as error:
            return error

    headers = []
    with ThreadPoolExecutor() as pool:
        for header in pool.map(one, catalog.entries):
            headers.append(header)
            if progress is not None:
                progress(len(headers), len(catalog.entries))
    return headers


def image_sizes(catalog: Catalog, *, plane: Plane = "axial") -> Counter[tuple[int, int]]:
    """Numbers of slices by (height, width), of the files in train that can be read."""
    sizes: Counter[tuple[int, int]] = Counter()
    for entry, header in zip(catalog.entries, read_headers(catalog, plane=plane), strict=True):
        if isinstance(header, Header) and entry.split in (None, "train"):
            sizes[header.height, header.width] += header.slices
    return sizes
