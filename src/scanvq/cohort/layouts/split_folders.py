"""Layout with one folder per split, with or without folders per class inside or outside of it."""

from __future__ import annotations

from pathlib import Path

from scanvq.cohort.catalog import Catalog, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.class_folders import classes_among
from scanvq.cohort.layouts.subjects import group_of, identify_subjects, label_of, read_subjects
from scanvq.cohort.layouts.tree import (
    SPLIT_NAMES,
    Tree,
    make_catalog,
    prefer_patient_ids,
    require_original_images,
    strip_common_folders,
)
from scanvq.imaging.paths import Paths

MAX_STRAY_FRACTION = 0.1  # with more files outside, the folder names are no split names


def read_split_folders(tree: Tree, images: Images) -> Catalog | None:
    """train, val / valid / validate / validation, test: nearly all files are below one of them."""
    scans = Paths(path for path in tree.scans if _split_of(path) is not None)
    strays = len(tree.scans) - len(scans)
    if not scans or strays > MAX_STRAY_FRACTION * len(scans):
        return None
    require_original_images(images, "split-folder")
    below_splits = strip_common_folders(Paths(_without_split(path) for path in scans))
    subjects = read_subjects(tree.root)
    classes = classes_among(below_splits, subjects)
    below_class = Paths(path.relative_to(path.parts[0]) for path in below_splits) if classes else below_splits
    names = prefer_patient_ids(tree, scans, identify_subjects(below_class, subjects), subjects)
    entries = Entries(
        Entry(
            path=path,
            subject=subject,
            group=group_of(subject, subjects),
            split=_split_of(path),
            label=relative.parts[0] if classes else label_of(subject, subjects),
        )
        for path, relative, subject in zip(scans, below_splits, names, strict=True)
    )
    layout = "folder per split" + (" and class" if classes else "")
    notes = [f"{strays} files outside of the split folders are ignored"] if strays else []
    return make_catalog(tree, layout, entries, notes)


def _split_of(path: Path) -> str | None:
    splits = [SPLIT_NAMES[part.lower()] for part in path.parts[:-1] if part.lower() in SPLIT_NAMES]
    return splits[0] if splits else None


def _without_split(path: Path) -> Path:
    parts = [part for part in path.parts[:-1] if part.lower() not in SPLIT_NAMES]
    return Path(*parts, path.name)
