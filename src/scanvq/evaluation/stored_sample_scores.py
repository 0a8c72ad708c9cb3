"""The scores of created images in a run's metrics.json, written one comparison at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory

KEY = "samples"


def kept_sample_scores(model: Model, directory: RunDirectory) -> dict[str, Any]:
    """{"samples": ...} with the stored comparisons of this very model; {} where there are none.

    Args:
        model: the run's, as it is now.
        directory: the run's.
    """
    if not directory.metrics.is_file():
        return {}
    stored = directory.read(directory.metrics).get(KEY, {})
    own = content_of(model)
    kept = {name: scores for name, scores in stored.items() if scores["source"]["model"] == own}
    return {KEY: kept} if kept else {}


def write_sample_scores(directory: RunDirectory, scores: Mapping[str, Any]) -> None:
    """Writes comparisons into metrics.json; its other keys stay as they are.

    Args:
        directory: of a run that has a metrics.json.
        scores: all comparisons that are to be there, by name.
    """
    metrics = directory.read(directory.metrics)
    directory.write(directory.metrics, {**metrics, KEY: dict(scores)})


def content_of(model: Model) -> str:
    """The content id of a model: its prior's, or its tokenizer's where it has no prior."""
    return model.provenance(seed=0).model if model.has_prior else model.id
