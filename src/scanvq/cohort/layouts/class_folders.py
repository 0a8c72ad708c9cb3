"""A folder for each class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scanvq.cohort.catalog import Catalog, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.subjects import Subject, group_of, read_subjects, subjects_of
from scanvq.cohort.layouts.tree import Tree, below_common, by_patients, make_catalog, only_original
from scanvq.imaging.paths import Paths

MOST_CLASSES = 20
_CLASS_WORDS = {"class", "label", "group", "grade", "stage", "type", "category", "cdr", "level", "cluster"}
_SUBJECT = re.compile(r"(?:sub|subject|patient|pat|case|ses|id)?[-_]?\d+|sub-.+", re.IGNORECASE)


def classes_among(paths: Sequence[Path], subjects: Mapping[str, Subject]) -> set[str]:
    """The first folders of the paths, if they look like classes and not like subjects; else none.

    Classes are two to twenty folders that hold every file, at least two files each, and whose names are
    not those of subjects (sub-01, patient_7, 1234; or anything counted, as john1, john2, john3).
    """
    folders = Counter(path.parts[0] for path in paths if len(path.parts) > 1)
    if any(name in subjects for name in folders):
        return set()
    alike = sum(folders.values()) == len(paths) and 2 <= len(folders) <= MOST_CLASSES
    named_so = not any(_SUBJECT.fullmatch(name) for name in folders) and not _counted(folders)
    return set(folders) if alike and named_so and min(folders.values()) >= 2 else set()


def read_class_folders(tree: Tree, images: Images) -> Catalog | None:
    """AD/..., NC/...: the folder is the label."""
    places = below_common(tree.scans)
    subjects = read_subjects(tree.root)
    if not classes_among(places, subjects):
        return None
    only_original(images, "class-folder")
    inside = Paths(place.relative_to(place.parts[0]) for place in places)
    names = by_patients(tree, tree.scans, subjects_of(inside, subjects), subjects)
    entries = Entries(
        Entry(
            path=path,
            subject=subject,
            group=group_of(subject, subjects),
            split=None,
            label=place.parts[0],
        )
        for path, place, subject in zip(tree.scans, places, names, strict=True)
    )
    return make_catalog(tree, "folder per class", entries, _shared(entries))


def _shared(entries: Iterable[Entry]) -> list[str]:
    """A note where a subject is in several classes: the folders may be kinds of images."""
    labels: dict[str, set[str | None]] = {}
    for entry in entries:
        labels.setdefault(entry.subject, set()).add(entry.label)
    several = sum(len(its) > 1 for its in labels.values())
    if not several:
        return []
    return [
        f"{several} of {len(labels)} subjects are in more than one folder: if these are kinds of images, not "
        "classes, give one of the folders"
    ]


def _counted(names: Iterable[str]) -> bool:
    """Whether names differ in their numbers only, and are not grades, stages or the like."""
    words = {re.sub(r"[-_]*\d+", "", name).lower() for name in names}
    return len(words) == 1 and not words & _CLASS_WORDS
