"""The scores of created images in a run's metrics.json, written one comparison at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory

KEY = "samples"


def kept_sample_scores(model: Model, directory: RunDirectory, file: Path) -> dict[str, Any]:
    """{"samples": ...} with the stored comparisons of this very model; {} where there are none.

    Args:
        model: the run's, as it is now.
        directory: the run's.
        file: its metrics.json, or that of another folder of scans.
    """
    if not file.is_file():
        return {}
    stored = directory.read(file).get(KEY, {})
    own = content_of(model)
    kept = {name: scores for name, scores in stored.items() if scores["source"]["model"] == own}
    return {KEY: kept} if kept else {}


def write_sample_scores(directory: RunDirectory, file: Path, scores: Mapping[str, Any]) -> None:
    """Writes comparisons into metrics.json; its other keys stay as they are.

    Args:
        directory: the run's.
        file: its metrics.json, or that of another folder of scans; it exists.
        scores: all comparisons that are to be there, by name.
    """
    directory.write(file, {**directory.read(file), KEY: dict(scores)})


def content_of(model: Model) -> str:
    """The content id of a model: its prior's, or its tokenizer's where it has no prior."""
    return model.provenance(seed=0).model if model.has_prior else model.id
