"""A folder for each split, with or without a folder for each class inside or around."""

from __future__ import annotations

from pathlib import Path

from scanvq.data.catalog import Catalog, Entry, Images
from scanvq.data.layouts.class_folders import classes_among
from scanvq.data.layouts.subjects import group_of, label_of, read_subjects, subjects_of
from scanvq.data.layouts.tree import SPLIT_NAMES, Tree, below_common, make_catalog, only_original


def read_split_folders(tree: Tree, images: Images) -> Catalog | None:
    """train, val / valid / validate / validation, test: every file lies below one of them."""
    places = [_place(path) for path in tree.scans]
    if not places or any(place is None for place in places):
        return None
    only_original(images, "split-folder")
    rests = below_common([_without_split(path) for path in tree.scans])
    subjects = read_subjects(tree.root)
    classes = classes_among(rests, subjects)
    inside = [rest.relative_to(rest.parts[0]) if classes else rest for rest in rests]
    entries = []
    for path, place, rest, subject in zip(
        tree.scans, places, rests, subjects_of(inside, subjects), strict=True
    ):
        label = rest.parts[0] if classes else label_of(subject, subjects)
        entries.append(
            Entry(path=path, subject=subject, group=group_of(subject, subjects), split=place, label=label)
        )
    layout = "folder per split" + (" and class" if classes else "")
    return make_catalog(tree, layout, entries)


def _place(path: Path) -> str | None:
    splits = [SPLIT_NAMES[part.lower()] for part in path.parts[:-1] if part.lower() in SPLIT_NAMES]
    return splits[0] if splits else None


def _without_split(path: Path) -> Path:
    kept = [part for part in path.parts[:-1] if part.lower() not in SPLIT_NAMES]
    return Path(*kept, path.name)
