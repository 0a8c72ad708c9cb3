"""Multi-scale structural similarity, per image."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from scanvq.kernels.gaussian_blur import WINDOW, gaussian_blur
from scanvq.metrics.ssim import STABLE_CONTRAST, STABLE_MEAN

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, fine to coarse; Wang et al., section 3.2


def scale_count(height: int, width: int) -> int:
    """How many scales fit: each halves the image, and the window of 11 pixels must lie inside the last."""
    shorter = min(height, width)
    if shorter < WINDOW:
        raise ValueError(f"ms_ssim needs images of at least {WINDOW} x {WINDOW}; got {height} x {width}")
    return min(len(WEIGHTS), int(math.log2(shorter / WINDOW)) + 1)


def ms_ssim(images: Tensor, targets: Tensor) -> Tensor:
    """The multi-scale SSIM of each image with its target.

    Wang, Simoncelli, Bovik, "Multiscale structural similarity", Asilomar 2003: the contrast and structure
    terms of every scale, and the luminance term of the coarsest, each to the power of its weight. Images
    under 176 pixels have fewer scales than five; the weights of those that fit are then scaled to the sum 1.
    A negative structure term counts as 0.

    Args:
        images: (B, C, H, W), intensities in [0, 1].
        targets: of the same shape.

    Returns:
        (B,) float32 from 0 to 1, 1 for equal images.

    Raises:
        ValueError: the shapes differ, or an image is smaller than the window of 11 pixels.
    """
    if images.shape != targets.shape or images.ndim != 4:
        raise ValueError(
            f"ms_ssim compares images of one shape (B, C, H, W); "
            f"got {tuple(images.shape)} and {tuple(targets.shape)}"
        )
    weights = WEIGHTS[: scale_count(*images.shape[-2:])]
    x, y = images.float(), targets.float()
    result = torch.ones(len(x), device=x.device)
    for scale, weight in enumerate(weights):
        luminance, structure = _terms(x, y)
        last = scale == len(weights) - 1
        term = (luminance * structure if last else structure).mean(dim=(1, 2, 3))
        result = result * term.clamp_min(0) ** (weight / sum(weights))
        if not last:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return result


def _terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast times structure, wherever the window fits: (B, C, H - 10, W - 10) each."""
    mean_x, mean_y = gaussian_blur(x), gaussian_blur(y)
    covariance = gaussian_blur(x * y) - mean_x * mean_y
    variances = gaussian_blur(x * x) + gaussian_blur(y * y) - mean_x.square() - mean_y.square()
    luminance = (2 * mean_x * mean_y + STABLE_MEAN) / (mean_x.square() + mean_y.square() + STABLE_MEAN)
    return luminance, (2 * covariance + STABLE_CONTRAST) / (variances + STABLE_CONTRAST)
