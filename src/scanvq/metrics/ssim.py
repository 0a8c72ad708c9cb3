"""Structural similarity, per image, equal to scikit-image's to 1e-4 and cheap enough to be a loss."""

from __future__ import annotations

import torch
from torch import Tensor

from scanvq.kernels.gaussian_blur import RADIUS, WINDOW, gaussian_blur
from scanvq.metrics.foreground import foreground

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
        mean_x, mean_y = gaussian_blur(x), gaussian_blur(y)
        squares = gaussian_blur(torch.addcmul(y * y, x, x))
        product = gaussian_blur(x * y)
        means_product = mean_x * mean_y
        means_squares = torch.addcmul(mean_y * mean_y, mean_x, mean_x)
        luminance = (2 * means_product + STABLE_MEAN) / (means_squares + STABLE_MEAN)
        contrast = 2 * (product - means_product) + STABLE_CONTRAST
        return luminance * contrast / (squares - means_squares + STABLE_CONTRAST)
