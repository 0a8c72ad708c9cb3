"""From a folder to its catalog: the first layout that recognizes the tree lists its files."""

from __future__ import annotations

from pathlib import Path

from scanvq.cohort.catalog import Catalog, CatalogError, Images
from scanvq.cohort.layouts import LAYOUTS
from scanvq.cohort.layouts.tree import read_tree
from scanvq.cohort.subject_pattern import by_pattern


def read_catalog(folder: Path, *, images: Images = "original", subject: str = "") -> Catalog:
    """Recognizes a folder's layout and lists its files. Nothing is opened but tables.

    Args:
        folder: of scans, a CSV of path / subject / split / label, or a single scan.
        images: "segmented" takes the segmentations in place of the scans, where the layout has both.
        subject: a regular expression that says who is who, see `by_pattern`; "" leaves it to the layout.

    Raises:
        CatalogError: no such folder, nothing readable in it, no segmentations, or a pattern that does not do.
    """
    folder = Path(folder)
    if not folder.exists():
        raise CatalogError(f"there is no folder {folder}")
    tree = read_tree(folder.resolve())
    for layout in LAYOUTS:
        catalog = layout(tree, images)
        if catalog is not None:
            return by_pattern(catalog, subject) if subject else catalog
    raise CatalogError(f"{folder} holds no scans that ScanVQ reads; {tree.reported()}")
