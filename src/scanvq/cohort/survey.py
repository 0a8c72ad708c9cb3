"""The survey of a data set: its catalog with splits, and the headers of its files, each read once a run."""

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
from scanvq.imaging.formats import Header, Plane
from scanvq.imaging.geometry import NO_SPACING, Fit, Geometry, decide_geometry
from scanvq.imaging.slice_selection import check_slices
from scanvq.spec import Derived


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """What plan, preparation, training and report know of a data set before its slices are prepared.

    Attributes:
        catalog: the files.
        headers: of each of them.
        plane: how volumes are cut.
        slices: which slices of a volume are used.
        spacing: millimeters from pixel to pixel that slices are resampled to; None leaves them.
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
            plane: how volumes are cut.
            slices: which slices of a volume are used: foreground, all, FIRST:END or middle:COUNT.
            spacing: millimeters from pixel to pixel that slices are resampled to; None leaves them.
            progress: called with headers read and all files.

        Raises:
            CatalogError: no file says how large its pixels are, which `spacing` needs.
            ValueError: `slices` of an unknown kind.
        """
        check_slices(slices)
        headers = Headers(read_headers(catalog.root, catalog.entries, plane=plane, progress=progress))
        readable = [header for header in headers.kinds if isinstance(header, Header)]
        if spacing is not None and readable and all(header.spacing is None for header in readable):
            path = catalog.entries[0].path
            raise CatalogError(f"{path} {NO_SPACING.format(spacing=spacing)}; leave --spacing out")
        return cls(catalog=catalog, headers=headers, plane=plane, slices=slices, spacing=spacing)

    @property
    def has_volumes(self) -> bool:
        """Whether any file has several slices, so that a slice has a position."""
        return any(isinstance(header, Header) and header.slices > 1 for header in self.headers.kinds)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What a person would want to know of the data set, see `fingerprint`; a few files are decoded."""
        return fingerprint(
            self.catalog, self.headers, plane=self.plane, slices=self.slices, spacing=self.spacing
        )

    @property
    def sizes(self) -> Mapping[tuple[int, int], int]:
        """Numbers of slices by (height, width), from which plan and preparation alike choose the image size.

        Of all splits: validation and test images go through the same network, and the cost that a plan tells
        is of all of them. Nothing but the sizes is seen of them. Only the slices that `slices` chooses count,
        estimated where pixels decide, see `fingerprint`.
        """
        return {
            (int(height), int(width)): count
            for size, count in self.fingerprint["sizes"].items()
            for height, _, width in [size.partition("x")]
        }

    def geometry(
        self, *, size: Literal["native"] | tuple[int, int], fit: Fit, multiple: Derived[int]
    ) -> Geometry:
        """How slices are brought to the network's image size, see `decide_geometry`."""
        sizes = self.sizes if size == "native" else {}
        return decide_geometry(sizes, size=size, fit=fit, spacing=self.spacing, multiple=multiple)


def survey_folder(
    folder: Path,
    *,
    images: Images = "original",
    subject: str = "",
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
        folder: the scans.
        images: "segmented" takes the segmentations in place of the scans.
        subject: see `read_catalog`.
        plane: how volumes are cut.
        slices: which slices of a volume are used.
        spacing: millimeters from pixel to pixel that slices are resampled to; None leaves them.
        validation: share of the groups, where the data set brings no such split.
        test: share of the groups, where the data set brings no split.
        seed: of the splits.
        progress: called with headers read and all files.

    Raises:
        CatalogError: nothing usable in the folder, or no file that says how large its pixels are, which
            `spacing` needs.
        ValueError: `slices` of an unknown kind.
    """
    catalog = assign_splits(
        read_catalog(folder, images=images, subject=subject), seed=seed, validation=validation, test=test
    )
    return Survey.of(catalog, plane=plane, slices=slices, spacing=spacing, progress=progress)
