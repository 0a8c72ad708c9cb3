"""Evaluation of a model on a split: scores of tokenizer and prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scanvq.evaluation.tokenizer_scores import TokenizerScores, score_tokenizer
from scanvq.metrics.rate import bits_per_pixel
from scanvq.model.model import Model
from scanvq.model.score import CodeLength, bits_of
from scanvq.store.dataset import SliceDataset
from scanvq.types import Codes, ProgressFactory


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of a model on a split.

    Attributes:
        metrics: the content of metrics.json, without `cost` and `leak`.
        tokenizer: the tokenizer's scores of every image.
    """

    metrics: dict[str, Any]
    tokenizer: TokenizerScores


def evaluate(
    model: Model,
    dataset: SliceDataset,
    codes: Codes,
    *,
    progress_for: ProgressFactory,
) -> Evaluation:
    """Scores a model on a split. The likelihood of the prior is unconditional.

    Args:
        model: with or without a prior.
        dataset: the images of the split.
        codes: the codes of these images.
        progress_for: returns, for the name of a task, a function of items done and all items.
    """
    geometry, sizes = model.preparation.geometry, model.tokenizer.codebook_sizes
    scores = score_tokenizer(model.coder, dataset, codes, progress=progress_for("reconstruct"))
    metrics: dict[str, Any] = {
        "tokenizer": {
            "test": scores.summary(),
            "bits_per_pixel": bits_per_pixel(model.code_shapes, sizes, geometry.height, geometry.width),
            "codebook": [usage.summary() for usage in scores.usage],
        },
        "prior": {"test": None},
    }
    if model.has_prior and model.prior.has_likelihood:
        bits = bits_of(
            model.prior,
            codes,
            condition=None,  # conditions would have to be coded, too
            device=model.device,
            progress=progress_for("score codes"),
        )
        length = CodeLength(
            bits=bits,
            cells=sum(h * w for h, w in model.code_shapes),
            pixels=geometry.height * geometry.width,
        )
        metrics["prior"]["test"] = {
            "n": len(bits),
            "bits_per_code": float(length.bits.mean()) / length.cells,
            "bits_per_pixel": float(length.bits.mean()) / length.pixels,
        }
    return Evaluation(metrics=metrics, tokenizer=scores)
