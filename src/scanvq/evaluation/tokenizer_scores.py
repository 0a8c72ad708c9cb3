"""The tokenizer's scores on one split: every image, then their distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scanvq.metrics.code_usage import CodeUsage
from scanvq.metrics.pixel_error import mae, psnr
from scanvq.metrics.ssim import ssim, ssim_foreground
from scanvq.metrics.summary import distribution
from scanvq.model.coder import Coder
from scanvq.store.dataset import SliceDataset
from scanvq.types import Codes

BATCH = 4  # images at once; as few as a dry run scores, so that its memory is that of a run
SSIM_LINE = 0.6  # the reports' line; not a result by itself


@dataclass(frozen=True, kw_only=True)
class TokenizerScores:
    """Scores of each image of a split, in the split's order, and how often each code was used.

    Attributes:
        ssim, ssim_foreground, psnr, mae: (n,) each; intensities in [0, 1].
        usage: counts of every level's codes.
    """

    ssim: Tensor
    ssim_foreground: Tensor
    psnr: Tensor
    mae: Tensor
    usage: tuple[CodeUsage, ...]

    def summary(self) -> dict[str, Any]:
        """The form of metrics.json."""
        return {
            "n": len(self.ssim),
            "ssim": distribution(self.ssim, above=SSIM_LINE),
            "ssim_foreground": distribution(self.ssim_foreground, above=SSIM_LINE),
            "psnr": distribution(self.psnr),
            "mae": distribution(self.mae),
        }


@torch.inference_mode()
def score_tokenizer(
    coder: Coder,
    dataset: SliceDataset,
    codes: Codes,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> TokenizerScores:
    """Decodes the codes of every image of a data set, in fp32, and compares with the original.

    Args:
        coder: the tokenizer's.
        dataset: at least one image.
        codes: of these images, (n, h, w) a level.
        progress: called with images done and all.
    """
    usage = tuple(CodeUsage(size) for size in coder.tokenizer.codebook_sizes)
    scores: dict[str, list[Tensor]] = {"ssim": [], "ssim_foreground": [], "psnr": [], "mae": []}
    for start in range(0, len(dataset), BATCH):
        images, _ = dataset.batch(np.arange(start, min(start + BATCH, len(dataset))))
        part = tuple(level[start : start + BATCH] for level in codes)
        rebuilt = coder.decode(part)
        for name, score in (
            ("ssim", ssim),
            ("ssim_foreground", ssim_foreground),
            ("psnr", psnr),
            ("mae", mae),
        ):
            scores[name].append(score(rebuilt, images))
        for level, counted in enumerate(usage):
            counted.add(part[level])
        if progress is not None:
            progress(start + len(images), len(dataset))
    whole = {name: torch.cat(values) for name, values in scores.items()}
    return TokenizerScores(
        ssim=whole["ssim"],
        ssim_foreground=whole["ssim_foreground"],
        psnr=whole["psnr"],
        mae=whole["mae"],
        usage=usage,
    )
