"""MedMNIST: one npz file with the images, splits and labels of a whole data set."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from scanvq.data.catalog import Catalog, CatalogError, Entry, Images
from scanvq.data.formats import UnreadableScan
from scanvq.data.formats.npz import MEDMNIST, SUFFIX, holds_images, image_heads, labels_of
from scanvq.data.layouts.tree import SPLIT_NAMES, Tree, make_catalog, only_original


def read_medmnist(tree: Tree, images: Images) -> Catalog | None:
    """Every image is a scan of its own: `pneumoniamnist.npz/train_images/17`.

    Raises:
        CatalogError: several such files, or a damaged one.
    """
    files = [path for path in tree.scans if path.name.lower().endswith(SUFFIX)]
    files = [path for path in files if holds_images(tree.root / path)]
    if not files or len(files) < len(tree.scans):
        return None
    if len(files) > 1:
        raise CatalogError(f"{tree.root} holds {len(files)} npz files; name one, such as {files[0]}")
    only_original(images, "MedMNIST")
    try:
        entries, notes = _entries(tree.root, files[0])
    except (UnreadableScan, OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise CatalogError(f"{files[0]} cannot be read: {error}") from None
    return make_catalog(tree, "MedMNIST", entries, notes)


def _entries(root: Path, file: Path) -> tuple[list[Entry], list[str]]:
    entries, several = [], False
    heads = image_heads(root / file)
    for split in MEDMNIST:
        if (name := f"{split}_images") not in heads:
            continue
        count = heads[name].shape[0]
        labels = labels_of(root / file, name)
        if labels is not None and len(labels) != count:
            raise ValueError(f"{count} images in {name}, but {len(labels)} labels")
        several |= labels is not None and labels.shape[1] > 1
        for number in range(count):
            subject = f"{split}_{number}"
            entries.append(
                Entry(
                    path=file / name / str(number),
                    subject=subject,
                    group=subject,
                    split=SPLIT_NAMES[split],
                    label=None if labels is None or labels.shape[1] != 1 else _label(labels[number, 0]),
                )
            )
    notes = ["MedMNIST names no patients: every image counts as a subject of its own"]
    if several:
        notes.append("its images have several labels each; none is used")
    return entries, notes


def _label(value: np.generic) -> str:
    return str(value.item())
