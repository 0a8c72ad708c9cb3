"""Arrays as pixels: intensities in gray, codes and differences in color."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DIFFERENCE_WHITE = 0.25  # a difference this large, or larger, is shown in the brightest color

Pixels = NDArray[np.uint8]


def gray(image: NDArray[Any]) -> Pixels:
    """Intensities (H, W) in [0, 1] as gray pixels (H, W)."""
    pixels: Pixels = np.round(np.clip(image, 0.0, 1.0) * 255).astype(np.uint8)
    return pixels


def code_colors(codes: NDArray[np.integer[Any]], *, codebook_size: int) -> Pixels:
    """Codes (h, w) as pixels (h, w, 3): similar indices have similar colors. UNKNOWN is gray."""
    pixels = _colored(codes / max(1, codebook_size - 1), "viridis")
    pixels[codes < 0] = 128
    return pixels


def difference_colors(image: NDArray[Any], other: NDArray[Any]) -> Pixels:
    """The absolute difference of two images (H, W) as pixels (H, W, 3): black = equal."""
    return _colored(np.abs(np.asarray(image) - np.asarray(other)) / DIFFERENCE_WHITE, "inferno")


def heat_colors(values: NDArray[Any], *, brightest: float) -> Pixels:
    """Values (H, W) as pixels (H, W, 3): black = 0 or less, brightest color = `brightest` or more."""
    return _colored(np.asarray(values) / brightest, "inferno")


def outlined(pixels: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """Pixels (H, W) or (H, W, 3) with the border of a mask (H, W) in green, just outside of it."""
    wide = np.pad(mask, 1)
    near = wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    colored: Pixels = pixels.copy() if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    colored[near & ~mask] = (40, 220, 90)
    return colored


def _colored(values: NDArray[Any], name: str) -> Pixels:
    from matplotlib import colormaps

    pixels: Pixels = colormaps[name](np.clip(values, 0.0, 1.0), bytes=True)[..., :3].copy()
    return pixels
