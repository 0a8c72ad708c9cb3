"""Real images made worse in known ways: what a score must notice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Images = NDArray[np.float32]
Degradation = Callable[[Images, np.random.Generator], Images]
PATCHES = 4  # along each side


def blurred(images: Images, random: np.random.Generator) -> Images:
    """A Gaussian blur of 1 % of the longer side, at least one pixel."""
    sigma = max(1.0, 0.01 * max(images.shape[1:]))
    return _float(ndimage.gaussian_filter(images, (0, sigma, sigma)))


def shuffled(images: Images, random: np.random.Generator) -> Images:
    """4 x 4 patches of each image in another order; what does not divide by 4 stays at its border."""
    count, height, width = images.shape
    rows, columns = height // PATCHES, width // PATCHES
    result = images.copy()
    inside = images[:, : rows * PATCHES, : columns * PATCHES]
    patches = inside.reshape(count, PATCHES, rows, PATCHES, columns).swapaxes(2, 3)
    patches = patches.reshape(count, PATCHES**2, rows, columns)
    order = np.stack([random.permutation(PATCHES**2) for _ in range(count)])
    patches = np.take_along_axis(patches, order[:, :, None, None], axis=1)
    whole = patches.reshape(count, PATCHES, PATCHES, rows, columns).swapaxes(2, 3)
    result[:, : rows * PATCHES, : columns * PATCHES] = whole.reshape(inside.shape)
    return result


def mean_image(images: Images, random: np.random.Generator) -> Images:
    """The mean of all images, as often as there are images."""
    return np.broadcast_to(images.mean(axis=0), images.shape).astype(np.float32)


def noisy(images: Images, random: np.random.Generator) -> Images:
    """Gaussian noise of 5 % of the range."""
    return _float(images + random.normal(0, 0.05, images.shape))


def pixelated(images: Images, random: np.random.Generator) -> Images:
    """Blocks of 2 x 2 pixels, each its mean; a last odd row or column stays."""
    result = images.copy()
    height, width = (size // 2 * 2 for size in images.shape[1:])
    blocks = images[:, :height, :width].reshape(len(images), height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    result[:, :height, :width] = blocks.repeat(2, axis=1).repeat(2, axis=2)
    return result


def warped(images: Images, random: np.random.Generator) -> Images:
    """A smooth random displacement of 2 % of the longer side."""
    height, width = images.shape[1:]
    grid = np.mgrid[:height, :width].astype(np.float64)
    result = np.empty_like(images)
    for place, image in enumerate(images):
        coarse = random.normal(0, 0.02 * max(height, width), (2, 5, 5))
        shift = [ndimage.zoom(one, (height / 5, width / 5), order=3) for one in coarse]
        result[place] = ndimage.map_coordinates(image, grid + np.stack(shift), order=1, mode="nearest")
    return result


BAD_REFERENCES: dict[str, Degradation] = {"blurred": blurred, "shuffled": shuffled, "mean": mean_image}
"""What every classifier must tell from real images, and beside which every distance stands."""

LEARNED: tuple[Degradation, ...] = (blurred, shuffled, noisy, pixelated, warped)
"""What the feature network learns to tell from real images and from each other."""


def _float(images: NDArray[np.floating]) -> Images:
    return np.clip(images, 0, 1).astype(np.float32)
