"""Images without their brightness, shading and noise: what is left tells one scan from another."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]


def band_pass(images: NDArray[Any], *, cells: tuple[int, int], fine: float, coarse: float) -> Images:
    """A difference of two Gaussian blurs, sampled on a grid.

    Args:
        images: (B, H, W).
        cells: rows and columns of the grid, H and W or fewer.
        fine: standard deviation of the blur that removes noise, in cells.
        coarse: that of the blur whose result is subtracted, in cells.

    Returns:
        (B, rows, columns).
    """
    images = np.asarray(images, np.float32)
    height, width = images.shape[1:]

    def blurred(sigma: float) -> Images:
        down, across = _blur(height, cells[0], sigma), _blur(width, cells[1], sigma)
        result: Images = np.matmul(np.matmul(down, images), across.T)
        return result

    return blurred(fine) - blurred(coarse)


def resampling(length: int, scale: float) -> Images:
    """(length, length): a line, magnified by `scale` about its middle, linearly interpolated."""
    middle = (length - 1) / 2
    places = (np.arange(length) - middle) / scale + middle
    distance = np.abs(places[:, None] - np.arange(length))
    return np.clip(1 - distance, 0, None).astype(np.float32)


@lru_cache(maxsize=16)
def _blur(length: int, cells: int, sigma: float) -> Images:
    """(cells, length): Gaussian weights about each cell's middle; they sum to 1 at the borders too."""
    size = length / cells
    middles = (np.arange(cells) + 0.5) * size - 0.5
    distance = (np.arange(length) - middles[:, None]) / (max(sigma, 1e-3) * size)
    # Relative to the nearest pixel, so that a narrow blur does not vanish between two.
    exponent = -0.5 * (distance**2 - (distance**2).min(axis=1, keepdims=True))
    weights = np.exp(exponent)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
