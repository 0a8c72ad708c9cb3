"""Evaluation of a run on its test split or on another folder of scans; writes metrics as JSON."""

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

    Another folder is first compared with the training scans of the run. `leak.unchecked` of the metrics gives
    the reason if these can no longer be read; `leak.unmatched` lists the files in which the run's
    `data.subject` finds no subject.

    Args:
        model: of the run.
        directory: of the run.
        folder: other scans: their test split if there is one, else all of them. The metrics are written to
            `metrics-<folder name>.json`.
        skip_bad: skip unusable files of `folder` instead of stopping.
        allow_leak: evaluate even if the run was trained on scans of `folder`; the metrics report it.
        cache: folder of prepared stores.
        progress_for: returns, for the name of a task, a function of items done and all items.

    Returns:
        The content of metrics.json.

    Raises:
        LeakError: the run was trained on subjects or scans of `folder`; the message lists them.
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
        directory.write(directory.test_scores, _image_scores(evaluation, found.data))
    return metrics


def _image_scores(evaluation: Evaluation, data: RunData) -> dict[str, Any]:
    """The content of test_scores.json: image indices, SSIM of each image, number of uses of each code."""
    return {
        "rows": data.rows("test").tolist(),
        "ssim": evaluation.tokenizer.scores["ssim"].tolist(),
        "usage": [usage.counts.tolist() for usage in evaluation.tokenizer.usage],
    }
