"""The scores of created images of a run, written into its metrics.json as they are computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache as cached
from pathlib import Path
from typing import Any

from torch import Tensor

from scanvq.decoders.image_decoder import DecoderName
from scanvq.evaluation.condition_scores import score_conditions
from scanvq.evaluation.created_images import CreatedImages, given_images, sampled_images
from scanvq.evaluation.held_out import open_held_out
from scanvq.evaluation.label_maps import LabelMaps
from scanvq.evaluation.named_space import NamedSpace, read_named_spaces
from scanvq.evaluation.references import FLOORS, References
from scanvq.evaluation.region_sizes import score_regions
from scanvq.evaluation.sample_scores import COMPARISONS, VERSION, Comparison, Form, score_samples
from scanvq.evaluation.sources import Sources, read_sources
from scanvq.evaluation.spaces import Space, fit_spaces
from scanvq.evaluation.split_images import split_images
from scanvq.evaluation.stored_sample_scores import (
    Place,
    content_of,
    nested,
    read_sample_scores,
    write_sample_scores,
)
from scanvq.metrics.refusal import Refusal
from scanvq.model.model import Model
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.run_data import open_data
from scanvq.types import ProgressFactory

IDENTITY = ("digest", "scans", "model", "version", "form", "spaces")
"""What of a score's source must be equal for the score to be kept."""


def evaluate_samples(
    model: Model,
    directory: RunDirectory,
    *,
    samples: int | None = None,
    images: Path | None = None,
    folder: Path | None = None,
    spaces: Sequence[Path] = (),
    masks: Path | None = None,
    form: Form = "full",
    skip_bad: bool = False,
    allow_leak: bool = False,
    decoder: str | None = None,
    seed: int = 0,
    cache: Path | None = None,
    progress_for: ProgressFactory | None = None,
) -> dict[str, Any]:
    """Scores new samples of a run, or given images, on the run's test split or on another folder of scans.

    Every comparison, and every group of a condition, is written as soon as it is computed. What was computed
    of the same images before is kept, so that a call that was interrupted goes on where it stopped.

    Args:
        model: the run's.
        directory: the run's; its scores on these scans, `metrics_of(folder)`, are there.
        samples: how many to make now.
        images: a folder of images made by any program instead.
        folder: other real scans to compare with: their test split where they have one, else all of them.
        spaces: TorchScript files of feature networks, further spaces beside the built-in ones.
        masks: a folder of label maps of the real scans: also compare the sizes of regions.
        form: "short" for the three comparisons alone, without the network and with one draw of the floor.
        skip_bad, allow_leak: as of `evaluate_run`.
        decoder: of new samples and of the reconstructions that they are compared with, so that this
            comparison is about the prior; see `scanvq.model.decoders.Decoders`. `evaluate_run` scores the
            faithful decoder always.
        seed: of samples, texture, draws and classifiers.
        cache: where prepared stores are kept.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.

    Returns:
        The form of `samples` in metrics.json.

    Raises:
        ValueError: both or neither of `samples` and `images`.
        SpaceError: a file of `spaces` cannot be used. MaskError: `masks` cannot be used.
        Refusal: too few images or subjects; the scores then say so.
        LeakError: the run was trained on subjects or scans of `folder`.
    """
    if (samples is None) == (images is None):
        raise ValueError("give either how many samples to make, or the folder of images to score")
    progress_for = progress_for or (lambda name: lambda done, total: None)
    used = model.decoders.decoder_of(decoder)
    named = read_named_spaces(spaces)
    maps = None if masks is None else LabelMaps(masks, model)
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
    created, origin = _created(model, directory, samples, images, used, seed, progress_for)
    source: dict[str, Any] = {
        "images": origin,
        "count": len(created.images),
        "model": content_of(model),
        "decoder": used,
        "version": VERSION,
        "form": form,
        "spaces": {space.name: space.digest for space in named},
        "scans": f"{held_out.content} {held_out.conditions.digest}".strip(),
    }
    reals, own = split_images((held_out, "test"), (data, "train"))
    floors = FLOORS if form == "full" else 1
    try:
        sources = read_sources(created, reals, own, _reconstruct(model, used, seed), floors=floors, seed=seed)
    except Refusal as refusal:
        refused = {"n": len(created.images), "refused": refusal.reason, "source": source}
        write_sample_scores(directory, file, {(name,): refused for name in COMPARISONS})
        raise
    source["digest"] = sources.digest
    fitted = _spaces_of(sources, named, form, seed)
    before = read_sample_scores(directory, file)
    scores = {
        place: piece
        for place, piece in before.items()
        if all(piece["source"].get(name) == source[name] for name in IDENTITY)
    }

    def keep(place: Place, piece: dict[str, Any]) -> None:
        scores[place] = {**piece, "source": source}
        write_sample_scores(directory, file, _in_order(scores))

    _score_comparisons(sources, fitted, directory, scores, keep, source, seed, progress_for)
    if form == "full":
        score_conditions(
            model,
            created,
            reals,
            own,
            _reconstruct(model, used, seed),
            fitted,
            done=scores,
            keep=keep,
            progress=progress_for("score groups"),
            seed=seed,
        )
    if maps is not None:
        progress_for("segment")(0, 1)
        keep(("regions",), score_regions(maps, sources, reals, own, seed=seed))
        progress_for("segment")(1, 1)
    return nested(_in_order(scores))


def _created(
    model: Model,
    directory: RunDirectory,
    samples: int | None,
    images: Path | None,
    decoder: DecoderName,
    seed: int,
    progress_for: ProgressFactory,
) -> tuple[CreatedImages, str]:
    """The images to score, and where they come from."""
    if images is not None:
        return given_images(model, images), str(images)
    assert samples is not None
    progress = progress_for("sample")
    made = sampled_images(
        model, samples, directory.sample_codes, decoder=decoder, seed=seed, progress=progress
    )
    return made, f"samples of the run, seed {seed}"


def _spaces_of(
    sources: Sources, named: Sequence[NamedSpace], form: Form, seed: int
) -> Callable[[], tuple[Space, ...]]:
    """Fits the spaces when they are first asked for."""

    @cached
    def fitted() -> tuple[Space, ...]:
        return fit_spaces(sources.fit, named=named, network=form == "full", seed=seed)

    return fitted


def _score_comparisons(
    sources: Sources,
    spaces: Callable[[], tuple[Space, ...]],
    directory: RunDirectory,
    scores: dict[Place, Any],
    keep: Callable[[Place, dict[str, Any]], None],
    source: dict[str, Any],
    seed: int,
    progress_for: ProgressFactory,
) -> None:
    """The three comparisons; references that were measured before are read from the run."""
    key = {"digest": sources.references_digest, "seed": seed}
    key |= {name: source[name] for name in ("version", "form", "spaces")}

    def keep_comparison(name: str, comparison: Comparison) -> None:
        keep((name,), comparison.to_dict())

    score_samples(
        sources,
        spaces,
        stored_references=_stored_references(directory, key),
        done=[place[0] for place in scores if len(place) == 1],
        keep_references=lambda found: directory.write(
            directory.sample_references, {**key, **found.to_dict()}
        ),
        keep=keep_comparison,
        progress_for=progress_for,
        seed=seed,
    )


def _reconstruct(model: Model, decoder: DecoderName, seed: int) -> Callable[[Tensor], Tensor]:
    """Reconstructs held-out images by the decoder that makes the samples, with other noise than theirs."""

    def reconstruct(images: Tensor) -> Tensor:
        return model.decoders.decode(model.coder.encode(images), decoder=decoder, seed=seed + 1)

    return reconstruct


def _in_order(scores: dict[Place, Any]) -> dict[Place, Any]:
    """The three comparisons first, all else as it was computed."""
    first: dict[Place, Any] = {(name,): scores[name,] for name in COMPARISONS if (name,) in scores}
    return {**first, **scores}


def _stored_references(directory: RunDirectory, key: dict[str, Any]) -> References | None:
    if not directory.sample_references.is_file():
        return None
    stored = directory.read(directory.sample_references)
    if {name: stored.get(name) for name in key} != key:
        return None
    return References.from_dict(stored)
