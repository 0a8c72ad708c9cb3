"""Hand-made features of an image: its spectrum, gray values and edges in numbers, without any network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from scanvq.metrics.foreground import foreground

RINGS = 24
QUANTILES = np.linspace(0.02, 0.98, 17)
FEWEST_PIXELS = 50  # an image with less foreground is described as a whole


def image_features(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Describes every image by some ninety numbers.

    The logarithm of the power spectrum in rings (of the image under a Hann window); within the foreground the
    quantiles of gray values, of the gradient, of the Laplacian and of the local standard deviation; the
    correlation of the left half with the right; share and number of pieces of the foreground.

    Args:
        images: (n, H, W), intensities in [0, 1].

    Returns:
        (n, d), finite for every image, in no common scale.
    """
    if not len(images):
        raise ValueError("no images to describe")
    masks = foreground(torch.from_numpy(np.ascontiguousarray(images))[:, None])[:, 0].numpy()
    ring, rings = _rings(*images.shape[1:])
    return np.stack(
        [
            _of_one(image.astype(np.float64), mask, ring, rings)
            for image, mask in zip(images, masks, strict=True)
        ]
    )


def _of_one(
    image: NDArray[np.float64], mask: NDArray[np.bool_], ring: NDArray[np.int64], rings: int
) -> NDArray[np.float64]:
    inside = mask if mask.sum() >= FEWEST_PIXELS else np.ones_like(mask)
    gradient = np.hypot(ndimage.sobel(image, 0), ndimage.sobel(image, 1))
    laplacian = np.abs(ndimage.laplace(image))
    mean = ndimage.gaussian_filter(image, 3)
    variance = np.clip(ndimage.gaussian_filter(image**2, 3) - mean**2, 0, None)
    return np.concatenate(
        [
            _log_spectrum(image, ring, rings),
            *(np.quantile(values[inside], QUANTILES) for values in (image, gradient, laplacian)),
            np.sqrt(np.quantile(variance[inside], QUANTILES)),
            [_symmetry(image), mask.mean(), ndimage.label(mask)[1], ndimage.label(~mask)[1]],
        ]
    )


def _rings(height: int, width: int) -> tuple[NDArray[np.int64], int]:
    """The ring of every frequency, from 0 to Nyquist's; corners beyond count as one ring more, not used."""
    count = min(RINGS, min(height, width) // 2)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]) / 0.5
    return np.minimum((radius * count).astype(np.int64), count), count


def _log_spectrum(image: NDArray[np.float64], ring: NDArray[np.int64], rings: int) -> NDArray[np.float64]:
    height, width = image.shape
    power = np.abs(np.fft.fft2(image * np.hanning(height)[:, None] * np.hanning(width)[None])) ** 2
    sums = np.bincount(ring.ravel(), power.ravel(), minlength=rings + 1)
    counts = np.bincount(ring.ravel(), minlength=rings + 1)
    return np.log(sums[:rings] / np.maximum(counts[:rings], 1) + 1e-6)


def _symmetry(image: NDArray[np.float64]) -> float:
    """The correlation of the blurred image with its mirror image; 1 where it is constant."""
    blurred = ndimage.gaussian_filter(image, 2)
    centered = blurred - blurred.mean()
    energy = float((centered**2).sum())
    return float((centered * centered[:, ::-1]).sum()) / energy if energy > 1e-12 else 1.0
