"""A run's metrics.json: tokenizer, prior, cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from scanvq.evaluation.prior_scores import bits_of, summarize_bits
from scanvq.evaluation.tokenizer_scores import TokenizerScores, score_tokenizer
from scanvq.metrics.rate import bits_per_pixel
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.store.dataset import SliceDataset
from scanvq.types import Codes, Tokenizer

ProgressFactory = Callable[[str], Callable[[int, int], None]]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of a run on one split.

    Attributes:
        metrics: the form of metrics.json, less `cost`.
        tokenizer: the scores of every image.
    """

    metrics: dict[str, Any]
    tokenizer: TokenizerScores


def evaluate(
    tokenizer: Tokenizer,
    prior: HierarchicalPrior | None,
    dataset: SliceDataset,
    codes: Codes,
    labels: torch.Tensor | None,
    *,
    height: int,
    width: int,
    device: torch.device,
    progress_for: ProgressFactory,
) -> Evaluation:
    """Scores a run on a split.

    Args:
        tokenizer: in evaluation mode, on `device`.
        prior: as the tokenizer, or None where none is trained.
        dataset: the split's images.
        codes: their codes.
        labels: (n,) class numbers for a conditional prior, or None.
        height: of the network's images, in pixels.
        width: of the network's images, in pixels.
        device: where to compute.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.
    """
    scores = score_tokenizer(tokenizer, dataset, codes, device=device, progress=progress_for("reconstruct"))
    shapes = tokenizer.code_shapes(height, width)
    metrics: dict[str, Any] = {
        "tokenizer": {
            "test": scores.summary(),
            "bits_per_pixel": bits_per_pixel(shapes, tokenizer.codebook_sizes, height, width),
            "codebook": [usage.summary() for usage in scores.usage],
        },
        "prior": {"test": None},
    }
    if prior is not None and prior.has_likelihood:
        bits = bits_of(prior, codes, labels=labels, device=device, progress=progress_for("score codes"))
        cells = sum(h * w for h, w in shapes)
        metrics["prior"]["test"] = summarize_bits(bits, cells=cells, pixels=height * width)
    return Evaluation(metrics=metrics, tokenizer=scores)
