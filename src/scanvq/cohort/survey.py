"""The survey of a data set: catalog with splits and headers of all files, each read once per run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from scanvq.cohort.catalog import Catalog, CatalogError, Images
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.fingerprint import fingerprint
from scanvq.cohort.headers import Headers, Progress, read_headers
from scanvq.cohort.splits import assign_splits
from scanvq.imaging.formats import Header, Plane, UnreadableScan
from scanvq.imaging.geometry import NO_SPACING, Fit, Geometry, decide_geometry
from scanvq.imaging.slice_selection import check_slices
from scanvq.spec import Derived


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """Catalog and headers of a data set, shared by plan, preparation, training and report.

    Attributes:
        catalog: the files, with splits.
        headers: headers of the files.
        plane: slicing plane of volumes.
        slices: slice selection.
        spacing: millimeters per pixel that slices are resampled to; None does not resample.
    """

    catalog: Catalog
    headers: Headers
    plane: Plane
    slices: str
    spacing: float | None

    @classmethod
    def of(
        cls,
        catalog: Catalog,
        *,
        plane: Plane = "axial",
        slices: str = "foreground",
        spacing: float | None = None,
        progress: Progress | None = None,
    ) -> Survey:
        """Reads the headers of all files of a catalog.

        Args:
            catalog: as read.
            plane: slicing plane of volumes.
            slices: slice selection: foreground, all, FIRST:END or middle:COUNT.
            spacing: millimeters per pixel that slices are resampled to; None does not resample.
            progress: called with the numbers of headers read and of all files.

        Raises:
            CatalogError: `spacing` is given and no file has a pixel spacing.
            ValueError: an invalid value of `slices`.
        """
        check_slices(slices)
        headers = Headers(read_headers(catalog.root, catalog.entries, plane=plane, progress=progress))
        readable = [header for header in headers.unique if isinstance(header, Header)]
        if spacing is not None and readable and all(header.spacing is None for header in readable):
            path = catalog.entries[0].path
            raise CatalogError(f"{path} {NO_SPACING.format(spacing=spacing)}; leave --spacing out")
        return cls(catalog=catalog, headers=headers, plane=plane, slices=slices, spacing=spacing)

    @property
    def has_volumes(self) -> bool:
        """Whether any file has several slices, so that a slice has a position."""
        return any(isinstance(header, Header) and header.slices > 1 for header in self.headers.unique)

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        """The files whose header cannot be read: path relative to the root, and reason."""
        pairs = zip(self.catalog.entries, self.headers, strict=True)
        return [
            (entry.path.as_posix(), header.reason)
            for entry, header in pairs
            if isinstance(header, UnreadableScan)
        ]

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """The fingerprint of the data set, see `fingerprint`; decodes a sample of the files."""
        return fingerprint(
            self.catalog, self.headers, plane=self.plane, slices=self.slices, spacing=self.spacing
        )

    @property
    def sizes(self) -> Mapping[tuple[int, int], int]:
        """(height, width) -> number of slices, from which plan and preparation choose the image size.

        Counts all splits: validation and test images go through the same network and are part of the cost
        estimate. Only selected slices count; their numbers may be estimates, see `fingerprint`.
        """
        return {
            (int(height), int(width)): count
            for size, count in self.fingerprint["sizes"].items()
            for height, _, width in [size.partition("x")]
        }

    def geometry(
        self, *, size: Literal["native"] | tuple[int, int], fit: Fit, multiple: Derived[int]
    ) -> Geometry:
        """The geometry that maps slices to the network's image size, see `decide_geometry`."""
        sizes = self.sizes if size == "native" else {}
        return decide_geometry(sizes, size=size, fit=fit, spacing=self.spacing, multiple=multiple)


def survey_folder(
    folder: Path,
    *,
    images: Images = "original",
    subject: str = "",
    suffix: str = "",
    allow_synthetic: bool = False,
    plane: Plane = "axial",
    slices: str = "foreground",
    spacing: float | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Survey:
    """Reads a folder's catalog, assigns its splits and reads the headers of its files.

    Args:
        folder: folder of scans.
        images: "segmented" uses the segmentations instead of the scans.
        subject: regular expression for subject identification, see `read_catalog`.
        suffix: of BIDS names, such as T2w; "" = the most common.
        allow_synthetic: keep files that are marked as synthetic.
        plane: slicing plane of volumes.
        slices: slice selection.
        spacing: millimeters per pixel that slices are resampled to; None does not resample.
        validation: fraction of the groups, if the data set has no validation split.
        test: fraction of the groups, if the data set has no predefined splits.
        seed: seed of the split assignment.
        progress: called with the numbers of headers read and of all files.

    Raises:
        CatalogError: no supported files in the folder, a suffix without BIDS or without scans, or `spacing`
            is given and no file has a pixel spacing.
        ValueError: an invalid value of `slices`.
    """
    catalog = read_catalog(
        folder, images=images, subject=subject, suffix=suffix, allow_synthetic=allow_synthetic
    )
    if suffix and catalog.layout != "BIDS":
        raise CatalogError(
            f"data.suffix is {suffix!r}, which chooses scans of a BIDS folder; {folder} has the layout "
            f"{catalog.layout}: leave data.suffix out"
        )
    catalog = assign_splits(catalog, seed=seed, validation=validation, test=test)
    return Survey.of(catalog, plane=plane, slices=slices, spacing=spacing, progress=progress)
