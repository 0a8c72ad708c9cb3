"""Reconstruction scores and codebook use of a tokenizer on a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.evaluation.intervals import Values, distributions
from scanvq.evaluation.score_file import ScoreFile
from scanvq.metrics.band_error import band_error
from scanvq.metrics.code_usage import CodeUsage
from scanvq.metrics.ms_ssim import ms_ssim
from scanvq.metrics.pixel_error import mae, psnr
from scanvq.metrics.ssim import ssim, ssim_foreground
from scanvq.model.coder import Coder
from scanvq.store.dataset import SliceDataset
from scanvq.types import Codes, Progress

BATCH = 4  # images of a batch, as in a dry run, so that the memory measured there holds for a run
VERSION = 1  # of the computation; stored scores of another version are computed anew
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
    "ms_ssim": ImageScore(
        function=ms_ssim, label="MS-SSIM", meaning="structural similarity over several scales; 1 is equal"
    ),
    "psnr": ImageScore(function=psnr, label="PSNR", meaning="from the squared error", unit="dB", decimals=1),
    "mae": ImageScore(
        function=mae, label="mean absolute error", meaning="of the pixels, for a range of 1", better="lower"
    ),
}
"""The scores of a reconstruction, by their name in metrics.json; the page and the terminal show them all."""


def scores_in(test: Mapping[str, Any]) -> dict[str, tuple[ImageScore, dict[str, Any]]]:
    """Those of SCORES that metrics.json holds of a split, each with its distribution.

    Args:
        test: the form of `TokenizerScores.summary`; a run evaluated before a score existed lacks it.
    """
    return {name: (score, test[name]) for name, score in SCORES.items() if name in test}


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenizerScores:
    """Scores of each image of a split, in the order of the split, and the number of uses of each code.

    Attributes:
        scores: (n,) float64 for each name of SCORES; intensities in [0, 1].
        bands: (n, bands), the error by frequency band, see `band_error`.
        usage: counts of the codes of every level.
    """

    scores: Mapping[str, Values]
    bands: Values
    usage: tuple[CodeUsage, ...]

    def summary(self, subjects: NDArray[np.integer]) -> dict[str, Any]:
        """The tokenizer's entry of metrics.json.

        Args:
            subjects: (n,), whose image it is.
        """
        thresholds = {name: SCORES[name].threshold for name in self.scores}
        bands = {str(number + 1): self.bands[:, number] for number in range(self.bands.shape[1])}
        return {
            "n": len(self.bands),
            "subjects": len(np.unique(subjects)),
            **distributions(self.scores, subjects, thresholds=thresholds),
            "band_error": distributions(bands, subjects),
        }


def score_tokenizer(
    coder: Coder,
    dataset: SliceDataset,
    codes: Codes,
    file: ScoreFile,
    *,
    key: str,
    progress: Progress,
) -> TokenizerScores:
    """Decodes the codes of every image of a data set in fp32, and compares with the original.

    Args:
        coder: of the tokenizer.
        dataset: the images, at least one.
        codes: of these images, (n, h, w) for each level.
        file: keeps what is computed.
        key: of tokenizer and images.
        progress: called with images done and all.
    """
    usage = tuple(CodeUsage(size) for size in coder.tokenizer.codebook_sizes)
    for level, counted in enumerate(usage):
        counted.add(codes[level])
    columns = file.compute(
        "reconstructions",
        f"{key} {VERSION} {' '.join(SCORES)}",
        len(dataset),
        partial(_score_part, coder, dataset, codes),
        progress=progress,
    )
    scores = {name: columns[:, number] for number, name in enumerate(SCORES)}
    return TokenizerScores(scores=scores, bands=columns[:, len(SCORES) :], usage=usage)


@torch.inference_mode()
def _score_part(coder: Coder, dataset: SliceDataset, codes: Codes, first: int, last: int) -> Values:
    """(last - first, scores and bands)."""
    rows = []
    for start in range(first, last, BATCH):
        end = min(start + BATCH, last)
        images, _ = dataset.batch(np.arange(start, end))
        reconstructed = coder.decode(tuple(level[start:end] for level in codes))
        scores = [score.function(reconstructed, images).double()[:, None] for score in SCORES.values()]
        rows.append(torch.cat([*scores, band_error(reconstructed, images).double()], dim=1))
    return torch.cat(rows).numpy()
