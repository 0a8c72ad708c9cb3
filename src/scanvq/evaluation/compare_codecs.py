"""Compares a run with image codecs on its test images, and writes rate_distortion.json."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scanvq.evaluation.evaluate import Evaluation
from scanvq.evaluation.image_set import draw
from scanvq.evaluation.rate_distortion import CodedImages, rate_distortion
from scanvq.evaluation.stored_sample_scores import content_of
from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.store.run_data import DataChangedError, RunData
from scanvq.store.store import BadScans
from scanvq.types import Progress

IMAGES = 100  # test images that are coded, at most
AVERAGED = 256  # training images of the mean image, at most
VERSION = 1
"""Version of the computation; stored curves of another version are computed anew."""


def compare_codecs(
    model: Model,
    directory: RunDirectory,
    folder: Path | None,
    evaluation: Evaluation,
    data: RunData,
    open_own: Callable[[], RunData],
    *,
    key: str,
    progress: Progress,
) -> dict[str, Any]:
    """Codes at most 100 test images, of as many subjects as there are, by every codec.

    The file is written after each quality of each codec; points of the same images in it are kept.

    Args:
        model: of the run.
        directory: of the run.
        folder: of the test images; None for the run's own.
        evaluation: the run's scores and rates on all test images.
        data: with the test images.
        open_own: opens the run's data, for the mean of training images.
        key: of tokenizer and test images.
        progress: called with qualities of all codecs done and all.

    Returns:
        The content of rate_distortion.json, see `rate_distortion`.
    """
    file = directory.rate_distortion(folder)
    count = min(IMAGES, len(evaluation.subjects))
    chosen = draw(evaluation.subjects, count, np.random.default_rng(0))
    source = {
        "tokenizer": model.id,
        "model": content_of(model),
        "images": key,
        "of": len(evaluation.subjects),
        "version": VERSION,
    }
    stored = directory.read(file) if file.is_file() else {}
    same = {name: stored.get("source", {}).get(name) for name in source} == source
    images, _ = data.dataset("test").batch(chosen)
    levels = {1: 8, 2: 16}[data.store.raw.dtype.itemsize]

    def keep(document: dict[str, Any]) -> None:
        directory.write(file, {**document, "stored_bits": levels, "source": source})

    document = rate_distortion(
        CodedImages(
            images=images,
            subjects=evaluation.subjects[chosen],
            scores={name: values[chosen] for name, values in evaluation.tokenizer.scores.items()},
            rates=evaluation.rates.of(chosen),
            mean_image=_mean_image(open_own),
        ),
        stored.get("codecs", {}) if same else {},
        keep=keep,
        progress=progress,
    )
    keep(document)
    return document


def _mean_image(open_own: Callable[[], RunData]) -> torch.Tensor | str:
    """(1, H, W), or why the training images cannot be read."""
    try:
        dataset = open_own().dataset("train", limit=AVERAGED)
    except (OSError, RunError, DataChangedError, BadScans) as error:
        return f"training images cannot be read: {error}"
    parts = np.array_split(np.arange(len(dataset)), -(-len(dataset) // 16))
    total = torch.stack([dataset.batch(part)[0].double().sum(dim=0) for part in parts]).sum(dim=0)
    return (total / len(dataset)).float()
