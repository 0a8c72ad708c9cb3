"""What the HipMRI and OASIS trees share: folders a split, and segmentations in folders beside them."""

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
    """A tree of `folder`_{train,validate,test} and `folder`_seg_{...}.

    Args:
        tree: the files.
        images: scans, or their segmentations.
        layout: what to call it.
        folder: how the folders' names begin.
        name: of the files; the group `case` is the subject.

    Raises:
        CatalogError: segmentations are asked for and there are none.
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
    left = len(tree.scans) - len(scans)
    notes = [f"{left} files are not named as in {layout} and are left alone"] if left else []
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
        place, file = folders.fullmatch(path.parent.name), name.fullmatch(path.name)
        if place and file and (place["seg"] is not None) == segmented:
            subject = f"case_{file['case']}"
            yield Entry(
                path=path,
                subject=subject,
                group=group_of(subject, subjects),
                split=SPLIT_NAMES[place["split"]],
                label=label_of(subject, subjects),
            )
