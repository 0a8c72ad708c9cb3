"""What the HipMRI and OASIS trees share: folders a split, and segmentations in folders beside them."""

from __future__ import annotations

import re

from scanvq.data.catalog import Catalog, CatalogError, Entry, Images
from scanvq.data.layouts.subjects import group_of, label_of, read_subjects
from scanvq.data.layouts.tree import SPLIT_NAMES, Tree, make_catalog


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
    subjects = read_subjects(tree.root)
    found: dict[bool, list[Entry]] = {False: [], True: []}
    for path in tree.scans:
        place, file = folders.fullmatch(path.parent.name), name.fullmatch(path.name)
        if place is None or file is None:
            continue
        subject = f"case_{file['case']}"
        found[place["seg"] is not None].append(
            Entry(
                path=path,
                subject=subject,
                group=group_of(subject, subjects),
                split=SPLIT_NAMES[place["split"]],
                label=label_of(subject, subjects),
            )
        )
    if not found[False] and not found[True]:
        return None
    chosen = found[images == "segmented"]
    if not chosen:
        raise CatalogError(
            f"{tree.root} has no {images} images ({folder}_{'seg_' * (images == 'segmented')}...)"
        )
    left = len(tree.scans) - len(found[False]) - len(found[True])
    notes = [f"{left} files are not named as in {layout} and are left alone"] if left else []
    return make_catalog(tree, layout, chosen, notes)
