"""A folder of scans, with or without folders for subjects."""

from __future__ import annotations

from scanvq.cohort.catalog import Catalog, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.subjects import group_of, label_of, read_subjects, subjects_of
from scanvq.cohort.layouts.tree import Tree, below_common, by_patients, make_catalog, only_original


def read_flat(tree: Tree, images: Images) -> Catalog | None:
    """Any scans: the subject comes from subjects.csv, a DICOM header, sub-NAME, folders or names."""
    if not tree.scans:
        return None
    only_original(images, "flat")
    subjects = read_subjects(tree.root)
    reported = by_patients(tree, tree.scans, subjects_of(below_common(tree.scans), subjects), subjects)
    entries = Entries(
        Entry(
            path=path,
            subject=subject,
            group=group_of(subject, subjects),
            split=None,
            label=label_of(subject, subjects),
        )
        for path, subject in zip(tree.scans, reported, strict=True)
    )
    return make_catalog(tree, "flat folder", entries)
