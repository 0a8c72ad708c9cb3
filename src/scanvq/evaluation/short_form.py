"""The short form of the scores of created images, which `fit` computes at its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from scanvq.evaluation.created_images import sampled_images
from scanvq.evaluation.evaluate_samples import evaluate_samples
from scanvq.evaluation.stored_sample_scores import FORM, KEY, kept_sample_scores
from scanvq.model.model import Model
from scanvq.model.sample import BATCH
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import open_data
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
    least 16. The full form of the same model is kept where it is there already.

    Args:
        model: with a prior.
        directory: of the run, evaluated on its test split.
        seconds: of sampling.
        cache: where prepared stores are kept.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.

    Returns:
        The form of `samples` in metrics.json.

    Raises:
        Refusal: too few images or subjects; the scores then say so.
    """
    kept = kept_sample_scores(model, directory, directory.metrics).get(KEY)
    if kept is not None and kept[FORM] == "full":
        return kept
    progress_for = progress_for or (lambda name: lambda done, total: None)
    data = open_data(directory, model.recipe.data, cache=cache)
    count = min(MOST, len(data.rows("test")), len(data.rows("train")))
    earlier = [piece["source"]["count"] for name, piece in (kept or {}).items() if name != FORM]
    if earlier:
        count = min(count, *earlier)  # a call that was interrupted goes on with as many
    elif count > BATCH:
        began = time.monotonic()
        sampled_images(model, BATCH, directory.sample_codes)
        count = min(count, affordable_count(time.monotonic() - began, seconds))
    return evaluate_samples(
        model, directory, samples=count, form="short", cache=cache, progress_for=progress_for
    )


def affordable_count(batch: float, seconds: float = SECONDS) -> int:
    """How many samples are made, 16 to 64, where a batch of 16 takes `batch` seconds.

    The first batch is made again with the others, so it counts twice.
    """
    batches = int(seconds / max(batch, 1e-6)) - 1
    return BATCH * min(max(batches, 1), MOST // BATCH)
