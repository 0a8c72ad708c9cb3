"""Common part of the HipMRI and OASIS layouts: one folder per split, and one per split for segmentations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from scanvq.cohort.catalog import Catalog, CatalogError, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.subjects import Subject, group_of, label_of, read_subjects
from scanvq.cohort.layouts.tree import SPLIT_NAMES, Tree, make_catalog
from scanvq.imaging.paths import Paths


def read_keras_slices(
    tree: Tree, images: Images, *, layout: str, folder: str, name: re.Pattern[str]
) -> Catalog | None:
    """Folders `folder`_{train,validate,test} with scans and `folder`_seg_{...} with segmentations.

    Args:
        tree: the files.
        images: scans or segmentations.
        layout: name of the layout.
        folder: prefix of the folder names.
        name: pattern of the file names; its group `case` is the subject.

    Raises:
        CatalogError: segmentations are requested and there are none.
    """
    folders = re.compile(rf"{folder}_(?P<seg>seg_)?(?P<split>train|validate|validation|test)")
    scans = Paths(
        path for path in tree.scans if folders.fullmatch(path.parent.name) and name.fullmatch(path.name)
    )
    if not scans:
        return None
    subjects = read_subjects(tree.root)
    entries = Entries(_entries(scans, folders, name, subjects, segmented=images == "segmented"))
    if not entries:
        raise CatalogError(
            f"{tree.root} has no {images} images ({folder}_{'seg_' * (images == 'segmented')}...)"
        )
    ignored = len(tree.scans) - len(scans)
    notes = [f"{ignored} files are not named as in {layout} and are ignored"] if ignored else []
    return make_catalog(tree, layout, entries, notes)


def _entries(
    scans: Paths,
    folders: re.Pattern[str],
    name: re.Pattern[str],
    subjects: Mapping[str, Subject],
    *,
    segmented: bool,
) -> Iterator[Entry]:
    for path in scans:
        parent, file = folders.fullmatch(path.parent.name), name.fullmatch(path.name)
        if parent and file and (parent["seg"] is not None) == segmented:
            subject = f"case_{file['case']}"
            yield Entry(
                path=path,
                subject=subject,
                group=group_of(subject, subjects),
                split=SPLIT_NAMES[parent["split"]],
                label=label_of(subject, subjects),
            )
