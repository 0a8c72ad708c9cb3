"""Pictures of created scans beside their nearest training scans, as audit.json names them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.evaluation.created_images import given_images
from scanvq.model.model import Model
from scanvq.report.pictures import images_of, name_of
from scanvq.report.report_data import NearestPair
from scanvq.storage.arrays import code_levels, open_arrays
from scanvq.store.run_data import RunData
from scanvq.types import Codes

PAIRS = 12


def scored_codes(file: Path, content: str, count: int | None = None) -> Codes | None:
    """The codes of the created scans that were scored; None where there are none of this model.

    Args:
        file: `RunDirectory.sample_codes`.
        content: content id of the prior that they must be of.
        count: how many of them; None = all.
    """
    if not file.is_file():
        return None
    with open_arrays(file) as saved:
        made_by = json.loads(str(saved["made_by"]))
        if not isinstance(made_by, list) or made_by[:1] != [content]:
            return None
        return tuple(torch.from_numpy(level[:count].astype(np.int64)) for level in code_levels(saved))


def nearest_pairs(
    model: Model, data: RunData, audit: Mapping[str, Any], codes: Codes | None
) -> tuple[NearestPair, ...]:
    """The pairs of the audit with the smallest p-values, as far as both pictures can be found.

    The created scans are those of the folder that was audited, or the samples of the run.

    Args:
        model: of the run.
        data: of the run.
        audit: the content of audit.json.
        codes: of the samples of the run; None = not kept.
    """
    folder = Path(audit.get("source", {}).get("images", ""))
    given = given_images(model, folder).images if folder.name and folder.is_dir() else None
    if given is None and codes is None:
        return ()
    count = len(given) if given is not None else len(codes[0]) if codes is not None else 0
    rows = _training_rows(data)
    found = []
    for position, sample in enumerate(audit["samples"]):
        number = position if given is not None else _number(sample["file"], position)
        row = rows.get(_key(sample["nearest"]))
        if row is not None and number < count:
            found.append((sample["p"] if sample["p"] is not None else 1.0, number, row, sample))
    found = sorted(found, key=lambda one: one[:2])[:PAIRS]
    if not found:
        return ()
    numbers = [number for _, number, _, _ in found]
    if given is not None:
        created = given[numbers]
    else:
        assert codes is not None  # counted above
        created = model.coder.decode(tuple(level[numbers] for level in codes))[:, 0].numpy()
    dataset = data.dataset("train")
    nearest = images_of(dataset, np.array([row for _, _, row, _ in found]))
    return tuple(
        NearestPair(
            created=created[n],
            nearest=nearest[n],
            name=name_of(dataset, row),
            p=sample["p"],
            copy=bool(sample["copy"]),
        )
        for n, (_, _, row, sample) in enumerate(found)
    )


def _training_rows(data: RunData) -> dict[str, int]:
    """The index in the training split of each name that a training scan may be called by."""
    dataset = data.dataset("train")
    store, rows = dataset.store, dataset.rows
    slices: NDArray[np.int64] = store.slice_index[rows]
    found: dict[str, int] = {}
    for index, (entry, slice_number) in enumerate(zip(store.entry[rows], slices, strict=True)):
        path = store.catalog.entries[int(entry)].path
        for name in (path.as_posix(), path.name):
            found.setdefault(name, index)
            found[f"{name}, slice {slice_number}"] = index
    return found


def _key(name: str) -> str:
    """FILE#NUMBER and FILE, slice NUMBER are the same slice."""
    match = re.fullmatch(r"(.+)#(\d+)", name)
    return f"{match[1]}, slice {match[2]}" if match else name


def _number(file: str, position: int) -> int:
    """The number in the name of a created scan, such as image_007.png; else its position in the audit."""
    match = re.search(r"(\d+)(?:\.[A-Za-z.]+)?$", file)
    return int(match[1]) if match else position
