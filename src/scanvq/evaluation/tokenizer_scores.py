"""Reconstruction scores and codebook use of a tokenizer on a split."""

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

BATCH = 4  # images of a batch, as in a dry run, so that the memory measured there holds for a run
SSIM_LINE = 0.6  # threshold of the reference reports; the share of images above it is reported


@dataclass(frozen=True, kw_only=True)
class TokenizerScores:
    """Scores of each image of a split, in the order of the split, and the number of uses of each code.

    Attributes:
        ssim, ssim_foreground, psnr, mae: (n,) each; intensities in [0, 1].
        usage: counts of the codes of every level.
    """

    ssim: Tensor
    ssim_foreground: Tensor
    psnr: Tensor
    mae: Tensor
    usage: tuple[CodeUsage, ...]

    def summary(self) -> dict[str, Any]:
        """The tokenizer's entry of metrics.json."""
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
    """Decodes the codes of every image of a data set in fp32, and compares with the original.

    Args:
        coder: of the tokenizer.
        dataset: the images, at least one.
        codes: of these images, (n, h, w) for each level.
        progress: called with images done and all.
    """
    usage = tuple(CodeUsage(size) for size in coder.tokenizer.codebook_sizes)
    scores: dict[str, list[Tensor]] = {"ssim": [], "ssim_foreground": [], "psnr": [], "mae": []}
    for start in range(0, len(dataset), BATCH):
        images, _ = dataset.batch(np.arange(start, min(start + BATCH, len(dataset))))
        part = tuple(level[start : start + BATCH] for level in codes)
        reconstructed = coder.decode(part)
        for name, score in (
            ("ssim", ssim),
            ("ssim_foreground", ssim_foreground),
            ("psnr", psnr),
            ("mae", mae),
        ):
            scores[name].append(score(reconstructed, images))
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
