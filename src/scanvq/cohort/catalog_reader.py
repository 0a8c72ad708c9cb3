"""Reads the catalog of a folder with the first layout that recognizes its files."""

from __future__ import annotations

from pathlib import Path

from scanvq.cohort.catalog import Catalog, CatalogError, Images
from scanvq.cohort.layouts import LAYOUTS
from scanvq.cohort.layouts.tree import read_tree
from scanvq.cohort.subject_pattern import subjects_by_pattern


def read_catalog(folder: Path, *, images: Images = "original", subject: str = "") -> Catalog:
    """Recognizes the layout of a folder and lists its files. Opens tables, and headers of DICOM files.

    Args:
        folder: folder of scans, a CSV with path, subject, split and label, or a single scan.
        images: "segmented" lists the segmentations instead of the scans, if the layout has both.
        subject: regular expression for subject identification, see `subjects_by_pattern`; "" = by the layout.

    Raises:
        CatalogError: no such folder, no supported files, no segmentations, or an unusable pattern.
    """
    folder = Path(folder)
    if not folder.exists():
        raise CatalogError(f"there is no folder {folder}")
    tree = read_tree(folder.resolve())
    for layout in LAYOUTS:
        catalog = layout(tree, images)
        if catalog is not None:
            return subjects_by_pattern(catalog, subject) if subject else catalog
    raise CatalogError(f"{folder} holds no scans that ScanVQ reads; {tree.describe()}")
