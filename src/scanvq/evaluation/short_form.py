"""The short form of the scores of created images, which `fit` computes at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scanvq.evaluation.created_images import sampled_images
from scanvq.evaluation.evaluate_samples import evaluate_samples
from scanvq.evaluation.sample_scores import COMPARISONS, VERSION
from scanvq.evaluation.split_images import split_images
from scanvq.evaluation.stored_sample_scores import (
    FORM,
    KEY,
    content_of,
    kept_sample_scores,
    write_sample_scores,
)
from scanvq.metrics.refusal import FEWEST_IMAGES, Refusal, TooFewImages, require_subjects
from scanvq.model.model import Model
from scanvq.model.sample import BATCH
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import RunData, open_data
from scanvq.types import ProgressFactory

MOST = 64  # samples
SECONDS = 40.0  # of sampling; on a slow machine fewer samples are made


def score_briefly(
    model: Model,
    directory: RunDirectory,
    *,
    seconds: float = SECONDS,
    cache: Path | None = None,
    progress_for: ProgressFactory | None = None,
) -> dict[str, Any]:
    """Scores at most 64 new samples on the test split, as `evaluate_samples` with the form "short".

    As many are made as there are test images, and as 40 seconds allow by the time that the first 16 take, at
    least 16. The full form of the same model is kept where it is there already. Nothing is sampled for fewer
    than 16 test images, of which these scores would say nothing.

    Args:
        model: with a prior.
        directory: of the run, evaluated on its test split.
        seconds: of sampling.
        cache: where prepared stores are kept.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.

    Returns:
        The form of `samples` in metrics.json.

    Raises:
        Refusal: fewer than 16 test or training images, or those of one subject alone; the scores then say so.
    """
    kept = kept_sample_scores(model, directory, directory.metrics).get(KEY)
    if kept is not None and kept[FORM] == "full":
        return kept
    progress_for = progress_for or (lambda name: lambda done, total: None)
    data = open_data(directory, model.recipe.data, cache=cache)
    count = min(MOST, len(data.rows("test")), len(data.rows("train")))
    try:
        _check(data)
    except Refusal as refusal:
        source = {"model": content_of(model), "version": VERSION, FORM: "short"}
        refused = {"n": count, "refused": refusal.reason, "source": source}
        write_sample_scores(directory, directory.metrics, {(name,): refused for name in COMPARISONS})
        raise
    earlier = [
        piece["source"]["count"]
        for piece in (kept or {}).values()
        if isinstance(piece, Mapping) and "refused" not in piece
    ]
    if earlier:
        count = min(count, *earlier)  # a call that was interrupted goes on with as many
    elif count > BATCH:
        began = time.monotonic()
        sampled_images(model, BATCH, directory.sample_codes)
        count = min(count, affordable_count(time.monotonic() - began, seconds))
    return evaluate_samples(
        model, directory, samples=count, form="short", cache=cache, progress_for=progress_for
    )


def _check(data: RunData) -> None:
    """Raises Refusal for too few images or subjects."""
    for part in split_images((data, "test"), (data, "train")):
        if len(part) < BATCH:
            raise TooFewImages(
                f"{len(part)} {part.split} images; the short form needs at least {BATCH} "
                f"(`scanvq evaluate RUN --samples N`: {FEWEST_IMAGES})"
            )
        people = len(np.unique(part.subjects))
        require_subjects(people, f"comparing samples with {part.split} images", fewest=2)


def affordable_count(batch: float, seconds: float = SECONDS) -> int:
    """How many samples are made, 16 to 64, where a batch of 16 takes `batch` seconds.

    The first batch is made again with the others, so it counts twice.
    """
    batches = int(seconds / max(batch, 1e-6)) - 1
    return BATCH * min(max(batches, 1), MOST // BATCH)
