"""A blind test of a model: as many created images as real ones."""

from __future__ import annotations

from pathlib import Path

from scanvq.model.model import Model
from scanvq.quiz.images import real_images
from scanvq.quiz.page import Quiz
from scanvq.types import Progress, Watch


def make_quiz(
    model: Model,
    source: Path,
    count: int,
    *,
    folder: Path | None = None,
    decoder: str | None = None,
    seed: int,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Quiz:
    """Makes a blind test of `count` images, half of them created.

    Args:
        model: with a prior.
        source: the run directory, or the name or file of the model.
        count: number of images.
        folder: of real scans; None = the test split of the run.
        decoder: see `Decoders.decoder_of`.
        seed: of the created images, the choice and the order.
        progress, watch: of the sampling, see `Model.sample_codes`.

    Raises:
        As `real_images`.
    """
    used = model.decoders.decoder_of(decoder)
    real = real_images(model, source, count - count // 2, folder=folder, seed=seed)
    codes = model.sample_codes(
        count // 2, params=model.sampling_params(), seed=seed, progress=progress, watch=watch
    )
    decoded = model.decoders.decode(codes, decoder=used, seed=seed)[:, 0].numpy()
    return Quiz.shuffled(
        real,
        model.preparation.to_native(decoded),
        name=source.resolve().name,
        provenance=model.provenance(seed=seed, decoder=used),
        seed=seed,
    )
