"""A folder of scans, with or without folders for subjects."""

from __future__ import annotations

from scanvq.data.catalog import Catalog, Entry, Images
from scanvq.data.layouts.subjects import group_of, label_of, read_subjects, subjects_of
from scanvq.data.layouts.tree import Tree, below_common, make_catalog, only_original


def read_flat(tree: Tree, images: Images) -> Catalog | None:
    """Any scans: the subject comes from subjects.csv, from sub-XXX, from folders or from names."""
    if not tree.scans:
        return None
    only_original(images, "flat")
    subjects = read_subjects(tree.root)
    entries = []
    for path, subject in zip(tree.scans, subjects_of(below_common(tree.scans), subjects), strict=True):
        entries.append(
            Entry(
                path=path,
                subject=subject,
                group=group_of(subject, subjects),
                split=None,
                label=label_of(subject, subjects),
            )
        )
    return make_catalog(tree, "flat folder", entries)
