"""Flat layout: a folder of scans, with or without folders per subject."""

from __future__ import annotations

from scanvq.cohort.catalog import Catalog, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.subjects import group_of, identify_subjects, label_of, read_subjects
from scanvq.cohort.layouts.tree import (
    Tree,
    make_catalog,
    prefer_patient_ids,
    require_original_images,
    strip_common_folders,
)


def read_flat(tree: Tree, images: Images) -> Catalog | None:
    """Any scans; subjects come from subjects.csv, DICOM headers, sub-NAME, folders or file names."""
    if not tree.scans:
        return None
    require_original_images(images, "flat")
    subjects = read_subjects(tree.root)
    names = prefer_patient_ids(
        tree, tree.scans, identify_subjects(strip_common_folders(tree.scans), subjects), subjects
    )
    entries = Entries(
        Entry(
            path=path,
            subject=subject,
            group=group_of(subject, subjects),
            split=None,
            label=label_of(subject, subjects),
        )
        for path, subject in zip(tree.scans, names, strict=True)
    )
    return make_catalog(tree, "flat folder", entries)
