"""Layout of the Medical Segmentation Decathlon and nnU-Net: imagesTr, imagesTs, labelsTr, dataset.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scanvq.cohort.catalog import Catalog, CatalogError, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.tree import Tree, make_catalog, require_original_images
from scanvq.imaging.formats import stem_of

SPLIT_OF = {"imagesTr": "train", "imagesTs": "test"}
DATASET = "dataset.json"
_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")


def read_task_folders(tree: Tree, images: Images) -> Catalog | None:
    """The scans that dataset.json lists, or those in imagesTr and imagesTs; never the labels.

    The scans of imagesTs are the test split, if there are any. Of several modalities (4-D files) or channels
    of nnU-Net (case_0000, case_0001) the first is used.

    Raises:
        CatalogError: an invalid dataset.json.
    """
    scans = [path for path in tree.scans if path.parent.name in SPLIT_OF]
    if not scans:
        return None
    require_original_images(images, "decathlon or nnU-Net")
    top = scans[0].parent.parent
    dataset = _read(tree.root / top / DATASET)
    listed = _listed(tree.root / top / DATASET, dataset)
    modalities = [str(name) for name in dataset.get("modality", {}).values()] if listed else []
    # Files of several modalities are 4-D.
    channel = "0" if len(modalities) > 1 else ""
    splits = {top / path / channel: split for split, paths in listed.items() for path in paths} or {
        path: SPLIT_OF[path.parent.name] for path in scans if path.parent.parent == top
    }
    cases = {path: stem_of(path.parent if channel else path) for path in splits}
    layout, notes = "decathlon", []
    if channel:
        notes = [
            f"of {', '.join(modalities)} only {modalities[0]} is used; for another, list FILE/NUMBER in a CSV"
        ]
    numbered = {path: match for path, case in cases.items() if (match := _CHANNEL.fullmatch(case))}
    if not listed and len(numbered) == len(cases):
        names = sorted({match["channel"] for match in numbered.values()})
        layout = "nnU-Net"
        cases = {path: match["case"] for path, match in numbered.items() if match["channel"] == names[0]}
        if len(names) > 1:
            several = ", ".join(names)
            notes = [
                f"of the channels {several} only {names[0]} is used; for another, list its files in a CSV"
            ]
    has_test = "test" in splits.values()
    entries = Entries(
        Entry(path=path, subject=case, group=case, split=splits[path] if has_test else None, label=None)
        for path, case in cases.items()
    )
    return make_catalog(tree, layout, entries, notes)


def _read(file: Path) -> dict[str, Any]:
    """A dataset.json; empty if there is none."""
    if not file.is_file():
        return {}
    try:
        dataset: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        dataset.get("modality", {}).values()
    except (OSError, ValueError, AttributeError) as error:
        raise CatalogError(f"{file} is not a dataset.json of the decathlon: {error}") from None
    return dataset


def _listed(file: Path, dataset: Mapping[str, Any]) -> Mapping[str, Sequence[Path]]:
    """Split -> scans listed in a dataset.json of the decathlon; empty if it lists none, as in nnU-Net."""
    try:
        splits = {
            split: [
                Path(item["image"] if isinstance(item, dict) else item) for item in dataset.get(key) or ()
            ]
            for split, key in (("train", "training"), ("test", "test"))
        }
    except (TypeError, KeyError) as error:
        raise CatalogError(f"{file} is not a dataset.json of the decathlon: {error}") from None
    for path in (path for paths in splits.values() for path in paths):
        if path.is_absolute() or ".." in path.parts:
            raise CatalogError(f"{file} lists {path}, which is not below its folder")
    return splits if splits["train"] else {}
