"""Layout with one folder per class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scanvq.cohort.catalog import Catalog, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.subjects import Subject, group_of, identify_subjects, read_subjects
from scanvq.cohort.layouts.tree import (
    Tree,
    make_catalog,
    prefer_patient_ids,
    require_original_images,
    strip_common_folders,
)
from scanvq.imaging.paths import Paths

MAX_CLASSES = 20
_CLASS_WORDS = {"class", "label", "group", "grade", "stage", "type", "category", "cdr", "level", "cluster"}
_SUBJECT = re.compile(r"(?:sub|subject|patient|pat|case|ses|id)?[-_]?\d+|sub-.+", re.IGNORECASE)


def classes_among(paths: Sequence[Path], subjects: Mapping[str, Subject]) -> set[str]:
    """The top-level folders of the paths, if they look like classes and not like subjects; else none.

    Classes are 2 to 20 folders that contain all files, at least two each, and whose names are not those of
    subjects (sub-01, patient_7, 1234; or names that differ only in a number, such as john1, john2, john3).
    """
    folders = Counter(path.parts[0] for path in paths if len(path.parts) > 1)
    if any(name in subjects for name in folders):
        return set()
    contains_all = sum(folders.values()) == len(paths) and 2 <= len(folders) <= MAX_CLASSES
    named_as_classes = not any(_SUBJECT.fullmatch(name) for name in folders) and not _differ_in_number_only(
        folders
    )
    return set(folders) if contains_all and named_as_classes and min(folders.values()) >= 2 else set()


def read_class_folders(tree: Tree, images: Images) -> Catalog | None:
    """AD/..., NC/...: the name of the folder is the label."""
    relative_paths = strip_common_folders(tree.scans)
    subjects = read_subjects(tree.root)
    if not classes_among(relative_paths, subjects):
        return None
    require_original_images(images, "class-folder")
    below_class = Paths(path.relative_to(path.parts[0]) for path in relative_paths)
    names = prefer_patient_ids(tree, tree.scans, identify_subjects(below_class, subjects), subjects)
    entries = Entries(
        Entry(
            path=path,
            subject=subject,
            group=group_of(subject, subjects),
            split=None,
            label=relative.parts[0],
        )
        for path, relative, subject in zip(tree.scans, relative_paths, names, strict=True)
    )
    return make_catalog(tree, "folder per class", entries, _subjects_in_several_classes(entries))


def _subjects_in_several_classes(entries: Iterable[Entry]) -> list[str]:
    """A note if subjects are in several classes: the folders may be types of images."""
    labels: dict[str, set[str | None]] = {}
    for entry in entries:
        labels.setdefault(entry.subject, set()).add(entry.label)
    several = sum(len(classes) > 1 for classes in labels.values())
    if not several:
        return []
    return [
        f"{several} of {len(labels)} subjects are in more than one folder: if these are types of images, not "
        "classes, pass one of the folders"
    ]


def _differ_in_number_only(names: Iterable[str]) -> bool:
    """Whether names differ only in a number, and are not grades, stages or similar class names."""
    words = {re.sub(r"[-_]*\d+", "", name).lower() for name in names}
    return len(words) == 1 and not words & _CLASS_WORDS
