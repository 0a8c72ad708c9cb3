"""The headers of all files of a catalog, read side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from scanvq.cohort.catalog import Catalog, CatalogError, Entry
from scanvq.cohort.ordered_map import in_order
from scanvq.imaging.formats import Header, Plane, UnreadableScan, format_of
from scanvq.imaging.geometry import NO_SPACING, size_at
from scanvq.imaging.slice_selection import check_slices, count_slices

AHEAD = 64  # headers asked for at once

Progress = Callable[[int, int], None]


def read_headers(
    catalog: Catalog, *, plane: Plane = "axial", progress: Progress | None = None
) -> Iterator[Header | UnreadableScan]:
    """The header of every entry, or why it cannot be read; in the catalog's order."""

    def one(entry: Entry) -> Header | UnreadableScan:
        path = catalog.root / entry.path
        try:
            return format_of(path).header(path, plane=plane)
        except UnreadableScan as error:
            return error

    with ThreadPoolExecutor() as pool:
        for done, header in enumerate(in_order(pool, one, catalog.entries, ahead=AHEAD), start=1):
            if progress is not None:
                progress(done, len(catalog.entries))
            yield header


def image_sizes(
    catalog: Catalog, *, plane: Plane = "axial", slices: str = "all", spacing: float | None = None
) -> Counter[tuple[int, int]]:
    """Numbers of slices by (height, width), of the files in train that can be read.

    Args:
        catalog: as read.
        plane: how volumes are cut.
        slices: which slices of a volume are counted; those that only pixels tell apart are counted all.
        spacing: tell the sizes that they have once resampled to this many millimeters a pixel.

    Raises:
        CatalogError: no file says how large its pixels are, which `spacing` needs.
        ValueError: `slices` of an unknown kind.
    """
    check_slices(slices)
    sizes: Counter[tuple[int, int]] = Counter()
    unknown = ""
    for entry, header in zip(catalog.entries, read_headers(catalog, plane=plane), strict=True):
        if not isinstance(header, Header) or entry.split not in (None, "train"):
            continue
        size = header.height, header.width
        chosen = count_slices(header.slices, slices)
        count = header.slices if chosen is None else chosen
        if spacing is not None and header.spacing is None:
            unknown = str(entry.path)
            continue
        sizes[size if spacing is None else size_at(size, header.spacing, spacing)] += count
    if unknown and spacing is not None and not sizes:
        raise CatalogError(f"{unknown} {NO_SPACING.format(spacing=spacing)}; leave --spacing out")
    return sizes
