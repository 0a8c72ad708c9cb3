"""A folder for each class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scanvq.data.catalog import Catalog, Entry, Images
from scanvq.data.layouts.subjects import group_of, read_subjects, subject_of
from scanvq.data.layouts.tree import Tree, make_catalog, only_original

MOST_CLASSES = 20
_SUBJECT = re.compile(r"(?:sub|subject|patient|pat|case|ses|id)?[-_]?\d+|sub-.+", re.IGNORECASE)


def classes_among(paths: Sequence[Path]) -> set[str]:
    """The first folders of the paths, if they look like classes and not like subjects; else none.

    Classes are two to twenty folders that hold every file, at least two files each, and whose names are
    not those of subjects (sub-01, patient_7, 1234).
    """
    folders = Counter(path.parts[0] for path in paths if len(path.parts) > 1)
    alike = sum(folders.values()) == len(paths) and 2 <= len(folders) <= MOST_CLASSES
    named_so = not any(_SUBJECT.fullmatch(name) for name in folders)
    return set(folders) if alike and named_so and min(folders.values()) >= 2 else set()


def read_class_folders(tree: Tree, images: Images) -> Catalog | None:
    """AD/..., NC/...: the folder is the label."""
    classes = classes_among(tree.scans)
    if not classes:
        return None
    only_original(images, "class-folder")
    subjects = read_subjects(tree.root)
    entries = []
    for path in tree.scans:
        subject = subject_of(path, subjects)
        group = group_of(subject, subjects)
        entries.append(Entry(path=path, subject=subject, group=group, split=None, label=path.parts[0]))
    return make_catalog(tree, "folder per class", entries)
