"""The held-out scans that a run is scored on: its own test split, or another folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.evaluation_data import EvaluationData, prepare_evaluation_data
from scanvq.store.run_data import open_data
from scanvq.types import ProgressFactory


def open_held_out(
    model: Model,
    directory: RunDirectory,
    folder: Path | None,
    *,
    skip_bad: bool,
    allow_leak: bool,
    cache: Path | None,
    progress_for: ProgressFactory,
) -> EvaluationData:
    """Opens the data of a run, or prepares another folder and compares it with the training data.

    Args:
        model: the run's.
        directory: the run's.
        folder: other scans; None = the run's own data.
        skip_bad: leave unusable files of `folder` out rather than stop.
        allow_leak: continue although the run was trained on some of `folder`.
        cache: where prepared stores are kept.
        progress_for: returns, for the name of a task, a function of pieces done and all pieces.

    Raises:
        LeakError: the run was trained on subjects or scans of `folder`, all of them.
    """
    open_own = partial(open_data, directory, model.recipe.data, cache=cache)
    if folder is None:
        return EvaluationData(data=open_own(), unchecked="", unmatched="")
    return prepare_evaluation_data(
        folder,
        open_own,
        model.recipe.data,
        model.preparation,
        model.conditions,
        skip_bad=skip_bad,
        allow_leak=allow_leak,
        cache=cache,
        checking=progress_for("leak check"),
    )
