"""Evaluation of a model on a split: scores of tokenizer and prior, each image's and their summary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.evaluation.groups import Groups, group_scores
from scanvq.evaluation.rates import Rates
from scanvq.evaluation.score_file import ScoreFile
from scanvq.evaluation.tokenizer_scores import TokenizerScores, score_tokenizer
from scanvq.metrics.code_entropy import independent_bits
from scanvq.metrics.rate import bits_per_pixel
from scanvq.metrics.refusal import Refusal
from scanvq.model.model import Model
from scanvq.model.score import bits_of
from scanvq.store.dataset import SliceDataset
from scanvq.types import Codes, ProgressFactory


class NoLikelihood(Refusal):
    """The prior gives codes no probability, or there is no prior."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of a model on a split.

    Attributes:
        tokenizer: the tokenizer's scores of every image.
        rates: bits per pixel of every image.
        subjects: (n,), whose image it is.
        metrics: the content of metrics.json, without `cost` and `leak`.
    """

    tokenizer: TokenizerScores
    rates: Rates
    subjects: NDArray[np.int64]
    metrics: dict[str, Any]


def evaluate(
    model: Model,
    dataset: SliceDataset,
    codes: Codes,
    file: ScoreFile,
    *,
    key: str,
    training_counts: Callable[[], tuple[Tensor, ...]],
    subjects: NDArray[np.int64],
    groups: Groups,
    progress_for: ProgressFactory,
) -> Evaluation:
    """Scores a model on a split. The likelihood of the prior is unconditional.

    Args:
        model: with or without a prior.
        dataset: the images of the split.
        codes: the codes of these images.
        file: keeps what is computed of each image.
        key: of tokenizer and images.
        training_counts: gives the counts of codes in training images, (K,) for each level, or raises Refusal.
        subjects: (n,), whose image it is.
        groups: of the images.
        progress_for: returns, for the name of a task, a function of items done and all items.
    """
    geometry, sizes = model.preparation.geometry, model.tokenizer.codebook_sizes
    pixels = geometry.height * geometry.width
    raw = bits_per_pixel(model.code_shapes, sizes, geometry.height, geometry.width)
    scores = score_tokenizer(model.coder, dataset, codes, file, key=key, progress=progress_for("reconstruct"))
    bits: dict[str, NDArray[np.float64]] = {}
    refused: dict[str, str] = {}
    try:
        costs = [independent_bits(*level) for level in zip(codes, training_counts(), strict=True)]
        bits["entropy"] = torch.stack(costs).sum(dim=0).numpy()
    except Refusal as refusal:
        refused["entropy"] = refusal.reason
    try:
        bits["prior"] = _prior_bits(model, codes, file, key=key, progress_for=progress_for)
    except Refusal as refusal:
        refused["prior"] = refusal.reason
    rates = Rates(raw=raw, measured={name: own / pixels for name, own in bits.items()}, refused=refused)
    metrics: dict[str, Any] = {
        "tokenizer": {
            "test": scores.summary(subjects),
            "bits_per_pixel": raw,
            "codebook": [usage.summary() for usage in scores.usage],
            "groups": group_scores(scores.scores, groups, subjects),
        },
        "prior": {"test": None},
        "rate": rates.summary(subjects),
    }
    if "prior" in bits:
        mean = float(bits["prior"].mean())
        metrics["prior"]["test"] = {
            "n": len(bits["prior"]),
            "bits_per_code": mean / sum(h * w for h, w in model.code_shapes),
            "bits_per_pixel": mean / pixels,
        }
    return Evaluation(tokenizer=scores, rates=rates, subjects=subjects, metrics=metrics)


def _prior_bits(
    model: Model, codes: Codes, file: ScoreFile, *, key: str, progress_for: ProgressFactory
) -> NDArray[np.float64]:
    """Bits (n,) of the codes of every image. Raises NoLikelihood."""
    if not model.has_prior:
        raise NoLikelihood("the run has no trained prior")
    if not model.prior.has_likelihood:
        raise NoLikelihood("a prior of this kind has no likelihood")
    prior = model.provenance(seed=0).model
    part = partial(_bits_part, model, codes)
    progress = progress_for("score codes")
    return file.compute("prior", f"{key} {prior}", len(codes[0]), part, progress=progress)[:, 0]


def _bits_part(model: Model, codes: Codes, first: int, last: int) -> NDArray[np.float64]:
    part = tuple(level[first:last] for level in codes)
    # Without conditions: these would have to be coded, too.
    bits: NDArray[np.float64] = bits_of(model.prior, part, condition=None, device=model.device).numpy()
    return bits[:, None]
