"""A folder for each split, with or without a folder for each class inside or around."""

from __future__ import annotations

from pathlib import Path

from scanvq.cohort.catalog import Catalog, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.class_folders import classes_among
from scanvq.cohort.layouts.subjects import group_of, label_of, read_subjects, subjects_of
from scanvq.cohort.layouts.tree import (
    SPLIT_NAMES,
    Tree,
    below_common,
    by_patients,
    make_catalog,
    only_original,
)
from scanvq.imaging.paths import Paths

MOST_STRAYS = 0.1  # for each file in a split: with more, the folders' names mean something else


def read_split_folders(tree: Tree, images: Images) -> Catalog | None:
    """train, val / valid / validate / validation, test: all files but a few strays lie below one of them."""
    scans = Paths(path for path in tree.scans if _place(path) is not None)
    strays = len(tree.scans) - len(scans)
    if not scans or strays > MOST_STRAYS * len(scans):
        return None
    only_original(images, "split-folder")
    rests = below_common(Paths(_without_split(path) for path in scans))
    subjects = read_subjects(tree.root)
    classes = classes_among(rests, subjects)
    inside = Paths(rest.relative_to(rest.parts[0]) for rest in rests) if classes else rests
    names = by_patients(tree, scans, subjects_of(inside, subjects), subjects)
    entries = Entries(
        Entry(
            path=path,
            subject=subject,
            group=group_of(subject, subjects),
            split=_place(path),
            label=rest.parts[0] if classes else label_of(subject, subjects),
        )
        for path, rest, subject in zip(scans, rests, names, strict=True)
    )
    layout = "folder per split" + (" and class" if classes else "")
    notes = [f"{strays} files in no split's folder are left alone"] if strays else []
    return make_catalog(tree, layout, entries, notes)


def _place(path: Path) -> str | None:
    splits = [SPLIT_NAMES[part.lower()] for part in path.parts[:-1] if part.lower() in SPLIT_NAMES]
    return splits[0] if splits else None


def _without_split(path: Path) -> Path:
    kept = [part for part in path.parts[:-1] if part.lower() not in SPLIT_NAMES]
    return Path(*kept, path.name)
