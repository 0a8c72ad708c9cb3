"""Brightness and sharpness of the left and the right half of an image."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from scanvq.metrics.foreground import foreground


def half_statistics(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Measures both halves of every image inside its foreground, which the middle column of its box divides.

    Brightness is the mean gray value, sharpness the standard deviation of the Laplacian over that mean.

    Args:
        images: (n, H, W), intensities in [0, 1].

    Returns:
        (n, 4): brightness left and right, sharpness left and right. A half without foreground has 0.
    """
    masks = foreground(torch.from_numpy(np.ascontiguousarray(images))[:, None])[:, 0].numpy()
    return np.array(
        [_of_one(image.astype(np.float64), mask) for image, mask in zip(images, masks, strict=True)]
    ).reshape(-1, 4)


def _of_one(image: NDArray[np.float64], mask: NDArray[np.bool_]) -> list[float]:
    columns = np.flatnonzero(mask.any(axis=0))
    middle = (columns[0] + columns[-1] + 1) // 2 if len(columns) else image.shape[1] // 2
    laplacian = ndimage.laplace(image)
    means, sharpness = [], []
    for half in (np.s_[:, :middle], np.s_[:, middle:]):
        inside = mask[half]
        mean = float(image[half][inside].mean()) if inside.any() else 0.0
        means.append(mean)
        sharpness.append(float(laplacian[half][inside].std()) / mean if mean > 1e-6 else 0.0)
    return [*means, *sharpness]
