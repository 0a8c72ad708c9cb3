"""The scores of created images in a run's metrics.json, written one piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory

KEY = "samples"
FORM = "form"
Place = tuple[str, ...]
"""Where a piece stands under `samples`: ("samples_vs_reals",) or ("groups", "label", "AD")."""


def kept_sample_scores(model: Model, directory: RunDirectory, file: Path) -> dict[str, Any]:
    """{"samples": ...} with the stored scores of this very model; {} where there are none.

    Args:
        model: the run's, as it is now.
        directory: the run's.
        file: its metrics.json, or that of another folder of scans.
    """
    own = content_of(model)
    stored = read_sample_scores(directory, file)
    kept = {place: piece for place, piece in stored.items() if piece["source"]["model"] == own}
    return {KEY: nested(kept)} if kept else {}


def read_sample_scores(directory: RunDirectory, file: Path) -> dict[Place, Any]:
    """The stored pieces by their place; none where there is no file yet."""
    if not file.is_file():
        return {}
    return dict(_pieces(directory.read(file).get(KEY, {}), ()))


def write_sample_scores(directory: RunDirectory, file: Path, scores: Mapping[Place, Any]) -> None:
    """Writes scores into metrics.json; its other keys stay as they are.

    Args:
        directory: the run's.
        file: its metrics.json, or that of another folder of scans; it exists.
        scores: all pieces that are to be there, each with its "source".
    """
    directory.write(file, {**directory.read(file), KEY: nested(scores)})


def nested(scores: Mapping[Place, Any]) -> dict[str, Any]:
    """Pieces in the form of metrics.json, with the form, "short" or "full", of the first piece."""
    stored: dict[str, Any] = {}
    for place, piece in scores.items():
        stored.setdefault(FORM, piece["source"][FORM])
        inner = stored
        for name in place[:-1]:
            inner = inner.setdefault(name, {})
        inner[place[-1]] = piece
    return stored


def content_of(model: Model) -> str:
    """The content id of a model: its prior's, or its tokenizer's where it has no prior."""
    return model.provenance(seed=0).model if model.has_prior else model.id


def _pieces(stored: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, Any]]:
    for name, inner in stored.items():
        if not isinstance(inner, Mapping):
            continue
        if FORM in inner.get("source", {}):
            yield (*place, name), inner
        elif "source" not in inner:  # of an earlier version, which is not kept
            yield from _pieces(inner, (*place, name))
