"""The scores of a run: on its own test split, or on another folder of scans; written as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from scanvq.evaluation.cost import cost_of
from scanvq.evaluation.evaluate import Evaluation, evaluate
from scanvq.evaluation.held_out import open_held_out
from scanvq.evaluation.stored_sample_scores import kept_sample_scores
from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import RunData
from scanvq.training.stages.codes import encode_dataset, read_codes
from scanvq.types import ProgressFactory


def evaluate_run(
    model: Model,
    directory: RunDirectory,
    folder: Path | None = None,
    *,
    skip_bad: bool = False,
    allow_leak: bool = False,
    cache: Path | None = None,
    progress_for: ProgressFactory | None = None,
) -> dict[str, Any]:
    """Scores a run on its test split, or on another folder, and writes metrics.json.

    Another folder is first compared with the scans that the run was trained on; where these can no longer be
    read, `leak.unchecked` of the scores says so; `leak.unmatched` lists the files in which the run's
    `data.subject` finds no subject.

    Args:
        model: the run's.
        directory: the run's.
        folder: other scans: their test split where they have one, else all of them. The scores go to
            `metrics-<folder name>.json`, since these are not the run's own.
        skip_bad: leave unusable files of `folder` out rather than stop.
        allow_leak: score `folder` although the run was trained on some of it; the scores say so.
        cache: where prepared stores are kept.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.

    Returns:
        The form of metrics.json.

    Raises:
        LeakError: the run was trained on subjects or scans of `folder`, all of them.
    """
    progress_for = progress_for or (lambda name: lambda done, total: None)
    found = open_held_out(
        model,
        directory,
        folder,
        skip_bad=skip_bad,
        allow_leak=allow_leak,
        cache=cache,
        progress_for=progress_for,
    )
    file = directory.metrics_of(folder)
    dataset = found.data.dataset("test")
    if folder is None and (directory.codes / "codes.json").is_file():
        levels = read_codes(directory.codes, "test")
    else:
        levels = encode_dataset(model.coder, dataset)
    codes = tuple(torch.from_numpy(level.astype(np.int64)) for level in levels)
    evaluation = evaluate(model, dataset, codes, progress_for=progress_for)
    leak = {
        "pairs": len(found.data.leaks),
        "found": [str(leak) for leak in found.data.leaks],
        "unchecked": found.unchecked,
        "unmatched": found.unmatched,
    }
    kept = kept_sample_scores(model, directory, file)
    metrics = {**evaluation.metrics, "leak": leak, "cost": cost_of(directory), **kept}
    directory.write(file, metrics)
    if folder is None:
        directory.write(directory.test_scores, _of_each_image(evaluation, found.data))
    return metrics


def _of_each_image(evaluation: Evaluation, data: RunData) -> dict[str, Any]:
    """What test_scores.json holds: which images, their SSIM, and how often each code was used."""
    return {
        "rows": data.rows("test").tolist(),
        "ssim": evaluation.tokenizer.scores["ssim"].tolist(),
        "usage": [usage.counts.tolist() for usage in evaluation.tokenizer.usage],
    }
