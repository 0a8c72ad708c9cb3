"""Band-pass filtering: removes brightness, shading and noise before images are compared."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]


def band_pass(
    images: NDArray[Any],
    *,
    cells: tuple[int, int],
    fine: float,
    coarse: float,
    offset: tuple[float, float] = (0.0, 0.0),
) -> Images:
    """A difference of two Gaussian blurs, sampled on a grid.

    Args:
        images: (B, H, W).
        cells: rows and columns of the grid, at most H and W.
        fine: standard deviation of the narrow blur, which removes noise, in cells.
        coarse: standard deviation of the wide blur, which is subtracted, in cells.
        offset: rows and columns, in pixels, by which the grid is moved over the images.

    Returns:
        (B, rows, columns).
    """
    images = np.asarray(images, np.float32)
    height, width = images.shape[1:]

    def blurred(sigma: float) -> Images:
        down = _blur(height, cells[0], sigma, offset[0])
        across = _blur(width, cells[1], sigma, offset[1])
        result: Images = np.matmul(np.matmul(down, images), across.T)
        return result

    return blurred(fine) - blurred(coarse)


def equalize_contrast(details: Images, *, radius: float, floor: float) -> Images:
    """Divides by the local contrast, so that weak and strong edges count alike and gray values do not matter.

    Source: divisive normalization (Jarrett et al., ICCV 2009, "local contrast normalization").

    Args:
        details: (B, h, w), of `band_pass`.
        radius: standard deviation of the neighborhood in cells.
        floor: contrast that is added, so that noise of empty regions stays small.
    """
    height, width = details.shape[1:]
    down, across = _blur(height, height, radius), _blur(width, width, radius)
    energy = np.matmul(np.matmul(down, details**2), across.T)
    equalized: Images = details / np.sqrt(energy + floor**2)
    return equalized


def resampling(length: int, scale: float) -> Images:
    """Matrix (length, length) that magnifies a line by `scale` about its center; linear interpolation."""
    center = (length - 1) / 2
    positions = (np.arange(length) - center) / scale + center
    distance = np.abs(positions[:, None] - np.arange(length))
    return np.clip(1 - distance, 0, None).astype(np.float32)


@lru_cache(maxsize=64)
def _blur(length: int, cells: int, sigma: float, offset: float = 0.0) -> Images:
    """Matrix (cells, length) of Gaussian weights about the center of each cell; every row sums to 1."""
    size = length / cells
    centers = (np.arange(cells) + 0.5) * size - 0.5 + offset
    distance = (np.arange(length) - centers[:, None]) / (max(sigma, 1e-3) * size)
    # Relative to the nearest pixel, so that the weights of a narrow blur do not underflow.
    exponent = -0.5 * (distance**2 - (distance**2).min(axis=1, keepdims=True))
    weights = np.exp(exponent)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
