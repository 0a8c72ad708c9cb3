"""Reads the catalog of a folder with the first layout that recognizes its files."""

from __future__ import annotations

from pathlib import Path

from scanvq.cohort.catalog import Catalog, CatalogError, Images
from scanvq.cohort.layouts import LAYOUTS
from scanvq.cohort.layouts.table import without_generated
from scanvq.cohort.layouts.tree import read_tree
from scanvq.cohort.subject_pattern import subjects_by_pattern
from scanvq.cohort.subject_tables import with_groups_and_labels, with_table_notes


def read_catalog(
    folder: Path,
    *,
    images: Images = "original",
    subject: str = "",
    suffix: str = "",
    check_tables: bool = True,
    allow_synthetic: bool = False,
) -> Catalog:
    """Recognizes the layout of a folder and lists its files. Opens tables, and headers of DICOM files.

    Args:
        folder: folder of scans, a CSV with path, subject, split and label, or a single scan.
        images: "segmented" lists the segmentations instead of the scans, if the layout has both.
        subject: regular expression for subject identification, see `subjects_by_pattern`; "" = by the layout.
        suffix: of BIDS names, such as T2w; "" = the most common. Other layouts have none.
        check_tables: refuse tables of subjects of which few rows match, see `with_table_notes`.
        allow_synthetic: keep files that are marked as synthetic.

    Raises:
        CatalogError: no such folder, no supported files, no segmentations, an unusable pattern, no scan
            of the suffix, or a table of subjects that does not match.
    """
    folder = Path(folder)
    if not folder.exists():
        raise CatalogError(f"there is no folder {folder}")
    tree = read_tree(folder.resolve(), allow_synthetic=allow_synthetic, suffix=suffix)
    for layout in LAYOUTS:
        catalog = layout(tree, images)
        if catalog is not None:
            if tree.table is not None:
                catalog = catalog if allow_synthetic else without_generated(catalog)
                return subjects_by_pattern(catalog, subject) if subject else catalog
            catalog = with_groups_and_labels(catalog)
            by_layout = {entry.subject for entry in catalog.entries} if subject else set()
            if subject:
                catalog = subjects_by_pattern(catalog, subject)
            return with_table_notes(catalog, other_names=by_layout) if check_tables else catalog
    raise CatalogError(f"{folder} holds no scans that ScanVQ reads; {tree.describe()}")
