"""The auditor of a run, and its held-out evidence; both are prepared once and kept in the run directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from scanvq.audit.auditor import Auditor
from scanvq.audit.evidence import SPACES, HeldOutEvidence
from scanvq.audit.image_index import VERSION, ImageIndex
from scanvq.audit.scans import Images, Scans, batches, read_scans
from scanvq.metrics.refusal import require_subjects
from scanvq.model.model import Model
from scanvq.storage.arrays import numbers, open_arrays
from scanvq.storage.files import atomic_write, read_json
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.store.run_data import open_data
from scanvq.types import ProgressFactory

Domain = Literal["decoded", "scans"]
"""How held-out images are compared: "decoded" from their codes, as samples are, or as they are."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An auditor, what it found of held-out people, and the digest of all that both depend on."""

    auditor: Auditor
    held_out: HeldOutEvidence
    key: str


def prepare(
    model: Model,
    directory: RunDirectory,
    domain: Domain,
    *,
    cache: Path | None = None,
    progress_for: ProgressFactory,
) -> Prepared:
    """Opens a run for the audit.

    Raises:
        RunError: the run has no codes. DataChangedError: its scans were changed or removed.
        TooFewSubjects: it has no two held-out people.
    """
    if not (directory.codes / "codes.json").is_file():
        raise RunError(
            f"{directory.path} has no training codes, which the audit needs; finish it with `scanvq fit "
            f"--resume --out {directory.path}`"
        )
    data = open_data(directory, model.recipe.data, cache=cache)
    training, held_out = read_scans(data, directory.codes)
    require_subjects(len(np.unique(held_out.people)), "the audit of held-out scans", fewest=2)
    require_subjects(len(np.unique(training.people)), "the audit of training scans", fewest=2)
    codes = read_json(directory.codes / "codes.json")
    key = json.dumps([VERSION, data.content, model.id, codes, training.files[0], len(held_out)])
    index = ImageIndex.load(directory.audit_index, key)
    if index is None:
        index = ImageIndex.build(training, held_out, progress=progress_for("index for the audit"))
        index.save(directory.audit_index, key)
    size = model.tokenizer.codebook_sizes[0]
    auditor = Auditor(training, held_out, index, codebook_size=size)
    file = directory.audit_held_out(domain)
    evidence = _load(file, key)
    if evidence is None:
        images = _decoded(model, held_out) if domain == "decoded" else _as_they_are(held_out)
        evidence = auditor.held_out_evidence(images, progress=progress_for("held-out people"))
        _save(file, key, evidence)
    return Prepared(auditor=auditor, held_out=evidence, key=key)


def _decoded(model: Model, scans: Scans) -> Images:
    images: Images = model.coder.decode(
        tuple(torch.from_numpy(level.astype(np.int64)) for level in scans.levels)
    )[:, 0].numpy()
    return images


def _as_they_are(scans: Scans) -> Images:
    return np.concatenate([scans.read(part) for part in batches(len(scans))])


def _save(file: Path, key: str, evidence: HeldOutEvidence) -> None:
    with atomic_write(file) as temporary, temporary.open("wb") as opened:
        arrays: dict[str, Any] = {space: evidence.values[space] for space in SPACES}
        arrays |= {"block_sides": evidence.block_sides, "top_shares": evidence.top_shares}
        np.savez(opened, key=np.array(key), **arrays)


def _load(file: Path, key: str) -> HeldOutEvidence | None:
    if not file.is_file():
        return None
    with open_arrays(file) as saved:
        if str(saved["key"]) != key:
            return None
        return HeldOutEvidence(
            values={space: numbers(saved, space, dimensions=1) for space in SPACES},
            block_sides=numbers(saved, "block_sides", dimensions=1),
            top_shares=numbers(saved, "top_shares", dimensions=1),
        )
