"""The model of the app, and what its run has to find the nearest training scans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanvq.app.pictures import Pixels, gray
from scanvq.audit.prepare import Prepared, prepare
from scanvq.audit.verdict import reachable_level, sample_results
from scanvq.metrics.refusal import Refusal, TooFewSubjects
from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.store.run_data import DataChangedError
from scanvq.store.store import BadScans
from scanvq.types import Codes, ProgressFactory


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The training scan that is nearest to a created image.

    Attributes:
        file: of the scan, relative to the data folder.
        image: (H, W) as gray pixels.
        correlation: of both at the best shift and mirroring.
        p: how often held-out people are as near to a training scan.
        copy: whether it looks like a copy; None with too few held-out people for a verdict.
    """

    file: str
    image: Pixels
    correlation: float
    p: float
    copy: bool | None


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A model that the app serves.

    Attributes:
        name: of the run or model.
        path: as the user named it.
        model: loaded.
        audit: of its run; None without.
        not_audited: why there is none, as a sentence.
    """

    name: str
    path: Path
    model: Model
    audit: Prepared | None
    not_audited: str

    def nearest(self, codes: Codes) -> Iterator[Nearest]:
        """For each created image, in order, the nearest training scan; nothing without an audit."""
        if self.audit is None:
            return
        auditor, held_out = self.audit.auditor, self.audit.held_out
        try:
            level = reachable_level(held_out.people, None)
        except TooFewSubjects:
            level = None
        images = self.model.coder.decode(codes)[:, 0].numpy()
        for finding in auditor.find(images, codes[0].numpy()):
            (result,) = sample_results(auditor, held_out, [finding], [""], level)
            scan = auditor.training.read(np.array([finding.neighbors.training.row]))
            yield Nearest(
                file=result["nearest"],
                image=gray(self.model.preparation.to_native(scan)[0]),
                correlation=result["pixels"]["correlation"],
                p=result["p"],
                copy=result["copy"],
            )


def open_model(path: Path, *, device: str, audit: bool, progress_for: ProgressFactory) -> ServedModel:
    """Loads a run, a model file or a shipped model, and its audit.

    Args:
        path: run directory, file or name.
        device: "auto", "cpu", "cuda" or "mps".
        audit: whether to open the training scans of a run, to find the nearest.
        progress_for: of what is computed at the first time.

    Raises:
        ModelError, RunError, WeightsError: no such model, or a damaged one.
    """
    model = Model.load(path, device=device)
    prepared, reason = None, ""
    if not audit:
        reason = "the app was started with --no-audit"
    elif not path.is_dir():
        reason = "a model without its run has no training codes to compare with"
    elif not model.has_prior:
        reason = "the run has no prior"
    else:
        try:
            prepared = prepare(model, RunDirectory(path), "decoded", progress_for=progress_for)
        except (RunError, DataChangedError, BadScans, Refusal) as error:
            reason = str(error)
    return ServedModel(name=path.resolve().name, path=path, model=model, audit=prepared, not_audited=reason)
