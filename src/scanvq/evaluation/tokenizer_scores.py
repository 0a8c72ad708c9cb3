"""Reconstruction scores and codebook use of a tokenizer on a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from scanvq.metrics.code_usage import CodeUsage
from scanvq.metrics.pixel_error import mae, psnr
from scanvq.metrics.ssim import ssim, ssim_foreground
from scanvq.metrics.summary import distribution
from scanvq.model.coder import Coder
from scanvq.store.dataset import SliceDataset
from scanvq.types import Codes, Progress

BATCH = 4  # images of a batch, as in a dry run, so that the memory measured there holds for a run
SSIM_LINE = 0.6  # threshold of the reference reports; the share of images above it is reported


@dataclass(frozen=True, kw_only=True)
class ImageScore:
    """A score of a reconstruction beside its original, and how it is shown.

    Attributes:
        function: reconstructions and originals (B, C, H, W) in [0, 1] to one score per image (B,).
        label: its name on the page and in the terminal.
        meaning: a few words for the reader.
        better: which scores are the good ones.
        unit: of the score; "" without one.
        decimals: of the mean as text; the table of the page has one more.
        threshold: the share of images above it is reported too; None = no share.
    """

    function: Callable[[Tensor, Tensor], Tensor]
    label: str
    meaning: str
    better: Literal["higher", "lower"] = "higher"
    unit: str = ""
    decimals: int = 3
    threshold: float | None = None

    def text(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.{self.decimals}f} {self.unit}".rstrip()


SCORES: dict[str, ImageScore] = {
    "ssim": ImageScore(
        function=ssim, label="SSIM", meaning="structural similarity; 1 is equal", threshold=SSIM_LINE
    ),
    "ssim_foreground": ImageScore(
        function=ssim_foreground,
        label="SSIM, foreground",
        meaning="without the air around the subject",
        threshold=SSIM_LINE,
    ),
    "psnr": ImageScore(function=psnr, label="PSNR", meaning="from the squared error", unit="dB", decimals=1),
    "mae": ImageScore(
        function=mae, label="mean absolute error", meaning="of the pixels, for a range of 1", better="lower"
    ),
}
"""The scores of a reconstruction, by their name in metrics.json; the page and the terminal show them all."""


def scores_in(test: Mapping[str, Any]) -> dict[str, tuple[ImageScore, dict[str, float]]]:
    """Those of SCORES that metrics.json holds of a split, each with its distribution.

    Args:
        test: the form of `TokenizerScores.summary`; a run evaluated before a score existed lacks it.
    """
    return {name: (score, test[name]) for name, score in SCORES.items() if name in test}


@dataclass(frozen=True, kw_only=True)
class TokenizerScores:
    """Scores of each image of a split, in the order of the split, and the number of uses of each code.

    Attributes:
        scores: (n,) for each name of SCORES; intensities in [0, 1].
        usage: counts of the codes of every level.
    """

    scores: Mapping[str, Tensor]
    usage: tuple[CodeUsage, ...]

    def summary(self) -> dict[str, Any]:
        """The tokenizer's entry of metrics.json."""
        return {
            "n": len(next(iter(self.scores.values()))),
            **{
                name: distribution(values, above=SCORES[name].threshold)
                for name, values in self.scores.items()
            },
        }


@torch.inference_mode()
def score_tokenizer(
    coder: Coder,
    dataset: SliceDataset,
    codes: Codes,
    *,
    progress: Progress | None = None,
) -> TokenizerScores:
    """Decodes the codes of every image of a data set in fp32, and compares with the original.

    Args:
        coder: of the tokenizer.
        dataset: the images, at least one.
        codes: of these images, (n, h, w) for each level.
        progress: called with images done and all.
    """
    usage = tuple(CodeUsage(size) for size in coder.tokenizer.codebook_sizes)
    scores: dict[str, list[Tensor]] = {name: [] for name in SCORES}
    for start in range(0, len(dataset), BATCH):
        images, _ = dataset.batch(np.arange(start, min(start + BATCH, len(dataset))))
        part = tuple(level[start : start + BATCH] for level in codes)
        reconstructed = coder.decode(part)
        for name, score in SCORES.items():
            scores[name].append(score.function(reconstructed, images))
        for level, counted in enumerate(usage):
            counted.add(part[level])
        if progress is not None:
            progress(start + len(images), len(dataset))
    return TokenizerScores(scores={name: torch.cat(values) for name, values in scores.items()}, usage=usage)
