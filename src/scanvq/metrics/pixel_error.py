"""Errors pixel by pixel, per image, on intensities in [0, 1]."""

from __future__ import annotations

from torch import Tensor


def mae(images: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error of each image: (B, C, H, W) twice to (B,)."""
    return _difference(images, targets).abs().mean(dim=1)


def mse(images: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of each image: (B, C, H, W) twice to (B,)."""
    return _difference(images, targets).square().mean(dim=1)


def psnr(images: Tensor, targets: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in decibels, data range 1: (B,).

    Equal images have no noise: their mean squared error counts as 1e-10, which is 100 dB, so that
    a mean over many images stays finite.
    """
    return -10 * mse(images, targets).clamp_min(1e-10).log10()


def _difference(images: Tensor, targets: Tensor) -> Tensor:
    if images.shape != targets.shape:
        raise ValueError(
            f"images and targets must have one shape; got {tuple(images.shape)} and {tuple(targets.shape)}"
        )
    return (images.float() - targets.float()).flatten(1)
