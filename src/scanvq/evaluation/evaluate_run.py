"""Evaluation of a run on its test split or on another folder of scans; writes metrics as JSON."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scanvq.evaluation.compare_codecs import compare_codecs
from scanvq.evaluation.cost import cost_of
from scanvq.evaluation.evaluate import Evaluation, evaluate
from scanvq.evaluation.groups import groups_of
from scanvq.evaluation.held_out import open_held_out
from scanvq.evaluation.score_file import ScoreFile
from scanvq.evaluation.score_table import score_table
from scanvq.evaluation.stored_sample_scores import kept_sample_scores
from scanvq.evaluation.training_codes import training_counts
from scanvq.model.model import Model
from scanvq.storage.files import remove_temporary_files, write_text
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import RunData, open_data
from scanvq.training.stages.codes import encode_dataset, read_codes
from scanvq.types import ProgressFactory

LEFT_BEHIND = 3600.0
"""Seconds after which a temporary file is one of a killed process."""


def evaluate_run(
    model: Model,
    directory: RunDirectory,
    folder: Path | None = None,
    *,
    skip_bad: bool = False,
    allow_leak: bool = False,
    codecs: bool = False,
    cache: Path | None = None,
    progress_for: ProgressFactory | None = None,
) -> dict[str, Any]:
    """Scores a run on its test split, or on another folder, and writes metrics.json.

    Another folder is first compared with the training scans of the run. `leak.unchecked` of the metrics gives
    the reason if these can no longer be read; `leak.unmatched` lists the files in which the run's
    `data.subject` finds no subject. What was computed of the same model and images before, such as by a call
    that was interrupted, is not computed again.

    Args:
        model: of the run.
        directory: of the run.
        folder: other scans: their test split if there is one, else all of them. The metrics are written to
            `metrics-<folder name>.json`.
        skip_bad: skip unusable files of `folder` instead of stopping.
        allow_leak: evaluate even if the run was trained on scans of `folder`; the metrics report it.
        codecs: also compare the run with image codecs, see `compare_codecs`.
        cache: folder of prepared stores.
        progress_for: returns, for the name of a task, a function of items done and all items.

    Returns:
        The content of metrics.json.

    Raises:
        LeakError: the run was trained on subjects or scans of `folder`; the message lists them.
    """
    progress_for = progress_for or (lambda name: lambda done, total: None)
    remove_temporary_files(directory.path, older_than=LEFT_BEHIND)
    found = open_held_out(
        model,
        directory,
        folder,
        skip_bad=skip_bad,
        allow_leak=allow_leak,
        cache=cache,
        progress_for=progress_for,
    )
    data = found.data
    dataset = data.dataset("test")
    if folder is None and (directory.codes / "codes.json").is_file():
        levels = read_codes(directory.codes, "test")
    else:
        levels = encode_dataset(model.coder, dataset)
    codes = tuple(torch.from_numpy(level.astype(np.int64)) for level in levels)

    def open_own() -> RunData:
        return data if folder is None else open_data(directory, model.recipe.data, cache=cache)

    key = _key(model, data)
    evaluation = evaluate(
        model,
        dataset,
        codes,
        ScoreFile(directory.computed_scores(folder)),
        key=key,
        training_counts=partial(training_counts, model.coder, directory, open_own),
        subjects=data.subjects("test"),
        groups=groups_of(data, "test"),
        progress_for=progress_for,
    )
    leak = {
        "pairs": len(data.leaks),
        "found": [str(leak) for leak in data.leaks],
        "unchecked": found.unchecked,
        "unmatched": found.unmatched,
    }
    file = directory.metrics_of(folder)
    kept = kept_sample_scores(model, directory, file)
    metrics = {**evaluation.metrics, "leak": leak, "cost": cost_of(directory), **kept}
    directory.write(file, metrics)
    write_text(directory.test_scores_table(folder), score_table(evaluation, data, "test"))
    if folder is None:
        directory.write(directory.test_scores, _image_scores(evaluation, data))
    if codecs:
        compare_codecs(
            model,
            directory,
            folder,
            evaluation,
            data,
            open_own,
            key=key,
            progress=progress_for("codecs"),
        )
    return metrics


def _image_scores(evaluation: Evaluation, data: RunData) -> dict[str, Any]:
    """The content of test_scores.json: image indices, SSIM of each image, number of uses of each code."""
    return {
        "rows": data.rows("test").tolist(),
        "ssim": evaluation.tokenizer.scores["ssim"].tolist(),
        "usage": [usage.counts.tolist() for usage in evaluation.tokenizer.usage],
    }


def _key(model: Model, data: RunData) -> str:
    """Of tokenizer and test images."""
    rows = data.rows("test")
    digest = hashlib.sha256(f"{data.content} {rows.tolist()} {data.preparation.to_dict()}".encode())
    return f"{model.id} {digest.hexdigest()[:20]}"
