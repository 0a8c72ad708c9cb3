"""ADNI layout: JPEG slices of the brain in folders per split and class; file names begin with a scan id."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scanvq.cohort.catalog import Catalog, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.tree import Tree, make_catalog, require_original_images

NAME = re.compile(r"(?P<scan>\d+)_\d+\.(?:jpe?g|png)", re.IGNORECASE)
CLASSES = ("AD", "NC")


def read_adni(tree: Tree, images: Images) -> Catalog | None:
    """`AD_NC/{train,test}/{AD,NC}/218391_78.jpeg`, or `{train,test}/218391_78.png` without classes."""
    entries = Entries(_entries(tree))
    ignored = len(tree.scans) - len(entries)
    if ignored >= len(entries):  # a few other images do not make it another data set
        return None
    require_original_images(images, "ADNI")
    notes = ["a scan id is not a patient id: one patient's scans may be on both sides of a split"]
    if ignored:
        notes.append(f"{ignored} files are not named as in ADNI and are ignored")
    return make_catalog(tree, "ADNI", entries, notes)


def _entries(tree: Tree) -> Iterator[Entry]:
    for path in tree.scans:
        name = NAME.fullmatch(path.name)
        split = [part for part in path.parts[:-1] if part in ("train", "test")]
        label = path.parent.name if path.parent.name in CLASSES else None
        if name is not None and len(split) == 1:
            scan = name["scan"]
            yield Entry(path=path, subject=scan, group=scan, split=split[0], label=label)
