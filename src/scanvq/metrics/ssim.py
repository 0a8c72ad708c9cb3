"""Structural similarity, per image, equal to scikit-image's to 1e-4 and cheap enough to be a loss."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from scanvq.metrics.foreground import foreground

SIGMA = 1.5
RADIUS = 5  # int(truncate * sigma + 0.5) with scipy's truncate 3.5
WINDOW = 2 * RADIUS + 1
TILE = 32
STABLE_MEAN = 0.01**2  # C1 = (k1 * data range)^2, data range 1
STABLE_CONTRAST = 0.03**2  # C2 = (k2 * data range)^2


def ssim(images: Tensor, targets: Tensor) -> Tensor:
    """The mean SSIM of each image with its target.

    Wang et al., "Image quality assessment", IEEE TIP 2004: data range 1, Gaussian window of sigma 1.5
    (11 x 11), population covariance, averaged over every pixel whose window lies inside the image.
    Differentiable; computed in float32 whatever the inputs and under autocast.

    Args:
        images: (B, C, H, W), intensities in [0, 1].
        targets: of the same shape.

    Returns:
        (B,) float32, 1 for equal images.

    Raises:
        ValueError: the shapes differ, or an image is smaller than the window of 11 pixels.
    """
    return ssim_map(images, targets).mean(dim=(1, 2, 3))


def ssim_foreground(images: Tensor, targets: Tensor) -> Tensor:
    """The mean of the SSIM map over the foreground of each target (see `foreground`).

    Background is easy to reconstruct and inflates the plain mean. An image without any foreground
    in the interior gets its plain mean.

    Args:
        images: (B, C, H, W), intensities in [0, 1].
        targets: of the same shape; they alone decide what is foreground.

    Returns:
        (B,) float32.

    Raises:
        ValueError: as `ssim`.
    """
    similarity = ssim_map(images, targets)
    inside = foreground(targets)[..., RADIUS:-RADIUS, RADIUS:-RADIUS]
    inside = inside | ~inside.any(dim=(1, 2, 3), keepdim=True)
    return torch.where(inside, similarity, 0.0).sum(dim=(1, 2, 3)) / inside.sum(dim=(1, 2, 3))


def ssim_map(images: Tensor, targets: Tensor) -> Tensor:
    """SSIM at every pixel whose window lies inside the image: (B, C, H - 10, W - 10).

    Raises:
        ValueError: as `ssim`.
    """
    if images.shape != targets.shape or images.ndim != 4:
        raise ValueError(
            f"ssim compares images of one shape (B, C, H, W); "
            f"got {tuple(images.shape)} and {tuple(targets.shape)}"
        )
    height, width = images.shape[-2:]
    if min(height, width) < WINDOW:
        raise ValueError(f"ssim needs images of at least {WINDOW} x {WINDOW} pixels; got {height} x {width}")
    with torch.autocast(images.device.type, enabled=False):
        x, y = images.float(), targets.float()
        # Four blurs, not five: the two variances are only ever needed as their sum.
        mean_x, mean_y = _Blur.apply(x), _Blur.apply(y)
        squares = _Blur.apply(torch.addcmul(y * y, x, x))
        product = _Blur.apply(x * y)
        means_product = mean_x * mean_y
        means_squares = torch.addcmul(mean_y * mean_y, mean_x, mean_x)
        luminance = (2 * means_product + STABLE_MEAN) / (means_squares + STABLE_MEAN)
        contrast = 2 * (product - means_product) + STABLE_CONTRAST
        return luminance * contrast / (squares - means_squares + STABLE_CONTRAST)


class _Blur(torch.autograd.Function):
    """The Gaussian window's weighted mean wherever it fits: (..., H, W) to (..., H - 10, W - 10).

    The window is symmetric, so the gradient is the same blur of the padded gradient: no slice of the
    forward pass has to be kept or scattered back.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        return _blur_by_matrices(images) if images.device.type == "cpu" else _blur_by_shifts(images)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Blur.apply(F.pad(gradient, (2 * RADIUS,) * 4))


def _blur_by_matrices(images: Tensor) -> Tensor:
    """Products with banded matrices, 32 rows or columns at a time so that few of the zeros are multiplied."""
    height, width = images.shape[-2:]
    flat = images.reshape(-1, height, width)
    for axis, size in ((2, width), (1, height)):
        blurred = []
        for start in range(0, size - 2 * RADIUS, TILE):
            length = min(TILE, size - 2 * RADIUS - start)
            tile, band = flat.narrow(axis, start, length + 2 * RADIUS), _band(length)
            blurred.append(tile @ band.T if axis == 2 else band @ tile)
        flat = torch.cat(blurred, dim=axis)
    return flat.reshape(*images.shape[:-2], *flat.shape[-2:])


def _blur_by_shifts(images: Tensor) -> Tensor:
    """A weighted sum of shifted images: full float32 even where matrix products run as TF32."""
    for axis in (-1, -2):
        length = images.shape[axis] - 2 * RADIUS
        blurred = torch.zeros_like(images.narrow(axis, 0, length))
        for shift, weight in enumerate(_weights()):
            blurred.add_(images.narrow(axis, shift, length), alpha=weight)
        images = blurred
    return images


def _weights() -> list[float]:
    """The Gaussian window along one axis, as scipy samples and normalizes it."""
    raw = [math.exp(-0.5 * (offset / SIGMA) ** 2) for offset in range(-RADIUS, RADIUS + 1)]
    return [weight / sum(raw) for weight in raw]


@lru_cache(maxsize=2 * TILE)
def _band(length: int) -> Tensor:
    """(length, length + 10): row i holds the window's weights from column i on."""
    with torch.inference_mode(False):  # a cached tensor must serve training too
        band = torch.zeros(length, length + 2 * RADIUS, device="cpu")
        for shift, weight in enumerate(_weights()):
            band.diagonal(shift).fill_(weight)
    return band
