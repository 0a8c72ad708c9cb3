"""MedMNIST layout: one npz file with the images, splits and labels of a data set."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from scanvq.cohort.catalog import Catalog, CatalogError, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.tree import SPLIT_NAMES, Tree, make_catalog, require_original_images
from scanvq.imaging.formats import UnreadableScan
from scanvq.imaging.formats.npz import MEDMNIST, SUFFIX, holds_images, image_headers, read_labels


def read_medmnist(tree: Tree, images: Images) -> Catalog | None:
    """Every image is one scan, such as `pneumoniamnist.npz/train_images/17`.

    Raises:
        CatalogError: several such files, or a damaged one.
    """
    files = [path for path in tree.scans if path.name.lower().endswith(SUFFIX)]
    files = [path for path in files if holds_images(tree.root / path)]
    if not files or len(files) < len(tree.scans):
        return None
    if len(files) > 1:
        raise CatalogError(f"{tree.root} holds {len(files)} npz files; name one, such as {files[0]}")
    require_original_images(images, "MedMNIST")
    try:
        labels = _labels(tree.root / files[0])
    except (UnreadableScan, OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise CatalogError(f"{files[0]} cannot be read: {error}") from None
    notes = ["MedMNIST has no patient ids: every image counts as one subject"]
    if any(split_labels.shape[1] > 1 for split_labels in labels.values()):
        notes.append("its images have several labels each; none is used")
    return make_catalog(tree, "MedMNIST", Entries(_entries(files[0], labels)), notes)


def _labels(file: Path) -> dict[str, np.ndarray]:
    """Split -> labels of its images, (n, labels per image); (n, 0) if there are none."""
    headers, labels = image_headers(file), {}
    for split in MEDMNIST:
        if (name := f"{split}_images") in headers:
            count = headers[name].shape[0]
            stored = read_labels(file, name)
            labels[split] = np.empty((count, 0)) if stored is None else stored
            if len(labels[split]) != count:
                raise ValueError(f"{count} images in {name}, but {len(labels[split])} labels")
    return labels


def _entries(file: Path, labels: Mapping[str, np.ndarray]) -> Iterator[Entry]:
    for split, split_labels in labels.items():
        for number in range(len(split_labels)):
            subject = f"{split}_{number}"
            yield Entry(
                path=file / f"{split}_images" / str(number),
                subject=subject,
                group=subject,
                split=SPLIT_NAMES[split],
                label=_label(split_labels[number, 0]) if split_labels.shape[1] == 1 else None,
            )


def _label(value: np.generic) -> str:
    return str(value.item())
