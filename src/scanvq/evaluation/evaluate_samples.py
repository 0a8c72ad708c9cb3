"""The scores of created images of a run, written into its metrics.json as they are computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from scanvq.decoders.image_decoder import DecoderName
from scanvq.evaluation.created_images import given_images, sampled_images
from scanvq.evaluation.held_out import open_held_out
from scanvq.evaluation.references import References
from scanvq.evaluation.sample_scores import COMPARISONS, VERSION, Comparison, score_samples
from scanvq.evaluation.sources import read_sources
from scanvq.evaluation.stored_sample_scores import KEY, content_of, write_sample_scores
from scanvq.metrics.refusal import Refusal
from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import open_data
from scanvq.types import ProgressFactory


def evaluate_samples(
    model: Model,
    directory: RunDirectory,
    *,
    samples: int | None = None,
    images: Path | None = None,
    folder: Path | None = None,
    skip_bad: bool = False,
    allow_leak: bool = False,
    decoder: str | None = None,
    seed: int = 0,
    cache: Path | None = None,
    progress_for: ProgressFactory | None = None,
) -> dict[str, Any]:
    """Scores new samples of a run, or given images, on the run's test split or on another folder of scans.

    Every comparison is written as soon as it is computed. What was computed of the same images before is
    kept, so that a call that was interrupted goes on where it stopped.

    Args:
        model: the run's.
        directory: the run's; its scores on these scans, `metrics_of(folder)`, are there.
        samples: how many to make now.
        images: a folder of images made by any program instead.
        folder: other real scans to compare with: their test split where they have one, else all of them.
        skip_bad, allow_leak: as of `evaluate_run`.
        decoder: of new samples and of the reconstructions that they are compared with, so that this
            comparison is about the prior; see `CreatedImages.decoder_of`. The scores of `evaluate_run` are
            those of the faithful decoder always.
        seed: of samples, texture, draws and classifiers.
        cache: where prepared stores are kept.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.

    Returns:
        The form of `samples` in metrics.json.

    Raises:
        ValueError: both or neither of `samples` and `images`.
        Refusal: too few images or subjects; the scores then say so.
        LeakError: the run was trained on subjects or scans of `folder`.
    """
    if (samples is None) == (images is None):
        raise ValueError("give either how many samples to make, or the folder of images to score")
    progress_for = progress_for or (lambda name: lambda done, total: None)
    used = model.created.decoder_of(decoder)
    data = open_data(directory, model.recipe.data, cache=cache)
    file = directory.metrics_of(folder)
    held_out = data
    if folder is not None:
        held_out = open_held_out(
            model,
            directory,
            folder,
            skip_bad=skip_bad,
            allow_leak=allow_leak,
            cache=cache,
            progress_for=progress_for,
        ).data
    if images is not None:
        created = given_images(model, images)
        origin = str(images)
    else:
        assert samples is not None
        created = sampled_images(
            model,
            samples,
            directory.sample_codes,
            decoder=used,
            seed=seed,
            progress=progress_for("sample"),
        )
        origin = f"samples of the run, seed {seed}"
    source = {
        "images": origin,
        "count": len(created),
        "model": content_of(model),
        "decoder": used,
        "version": VERSION,
    }
    try:
        sources = read_sources(created, held_out, data, _reconstruct(model, used, seed), seed=seed)
    except Refusal as refusal:
        refused = {"n": len(created), "refused": refusal.reason, "source": source}
        write_sample_scores(directory, file, {name: refused for name in COMPARISONS})
        raise
    source["digest"] = sources.digest
    stored = directory.read(file).get(KEY, {})
    scores = {name: one for name, one in stored.items() if _same(one["source"], source)}

    def keep(name: str, comparison: Comparison) -> None:
        scores[name] = {**comparison.to_dict(), "source": source}
        ordered = {name: scores[name] for name in COMPARISONS if name in scores}
        write_sample_scores(directory, file, ordered)

    key = {"digest": sources.references_digest, "version": VERSION, "seed": seed}
    score_samples(
        sources,
        stored_references=_stored_references(directory, key),
        done=scores,
        keep_references=lambda found: directory.write(
            directory.sample_references, {**key, **found.to_dict()}
        ),
        keep=keep,
        progress_for=progress_for,
        seed=seed,
    )
    return {name: scores[name] for name in COMPARISONS}


def _reconstruct(model: Model, decoder: DecoderName, seed: int) -> Callable[[Tensor], Tensor]:
    """Reconstructs held-out images by the decoder that makes the samples, with other noise than theirs."""

    def reconstruct(images: Tensor) -> Tensor:
        return model.created.decode(model.coder.encode(images), decoder=decoder, seed=seed + 1)

    return reconstruct


def _same(source: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two comparisons are of the same images, computed alike."""
    return all(source.get(name) == other[name] for name in ("digest", "model", "version"))


def _stored_references(directory: RunDirectory, key: dict[str, Any]) -> References | None:
    if not directory.sample_references.is_file():
        return None
    stored = directory.read(directory.sample_references)
    if {name: stored[name] for name in key} != key:
        return None
    return References.from_dict(stored)
