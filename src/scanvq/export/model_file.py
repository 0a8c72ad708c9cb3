"""Export of a run as one model file that names no scan, subject or folder."""

from __future__ import annotations

from pathlib import Path

from scanvq.conditions.space import ConditionSpace
from scanvq.model.source import SUFFIX, RunSource, write_model
from scanvq.storage.run_directory import RunDirectory

FILE_NAME = f"model{SUFFIX}"
MOST_NAMED = 0.5  # of the subjects of training, that the values of a condition may name


class ExportError(ValueError):
    """A model that would name subjects, or a file that would be replaced."""


def export_model(run: RunDirectory, out: Path, *, overwrite: bool = False, half_prior: bool = False) -> Path:
    """Writes the model of a run to one file: weights, preparation, conditions, recipe, calibration.

    File names, subject ids, paths and training codes stay in the run.

    Args:
        run: a trained run.
        out: the file, or a folder for `model.safetensors`.
        overwrite: replace a model file at that place.
        half_prior: store the prior's weights as float16.

    Returns:
        The written file.

    Raises:
        ExportError: a condition whose values are subject ids, or an existing file without `overwrite`.
        ValueError: an existing file that is no model file.
        RunError: not a run. WeightsError: the tokenizer is not trained yet.
    """
    source = RunSource(run)
    if source.has_prior:
        _check_conditions(source.load_prior()[1].conditions, run)
    file = out if out.suffix == SUFFIX and not out.is_dir() else out / FILE_NAME
    if file.exists() and not overwrite:
        raise ExportError(f"{file} exists already; choose another --out, or replace it with --overwrite")
    write_model(file, source, half_prior=half_prior)
    return file


def _check_conditions(conditions: ConditionSpace, run: RunDirectory) -> None:
    trained = [entry for entry in run.read(run.data)["entries"] if entry[3] == "train"]
    for subjects in ({entry[1] for entry in trained}, {entry[2] for entry in trained}):
        for category in conditions.categories:
            named = subjects & set(category.values)
            if len(named) > MOST_NAMED * len(subjects):
                raise ExportError(
                    f"the values of the condition {category.name} are subject ids, such as {min(named)}, and "
                    "are part of the prior; train without this condition"
                )
