"""Matching of two images of the same scan: high-pass correlation at the best shift and scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.store.band_pass import Images, band_pass, resampling
from scanvq.store.shift_search import ShiftSearch

SAME_SCAN_CORRELATION = 0.87
"""Minimum correlation of two images of the same scan. docs/explanation/leaks.md has the evidence."""

MAX_SHIFT = 5.0  # maximum shift in pixels of a 256-pixel image
STEPS_PER_PIXEL = 2  # tested shifts per pixel
SCALES = (0.97, 0.98, 0.99, 1.01, 1.02, 1.03)
MIN_PROMISING_CORRELATION = 0.4  # below, no scales are tested: images of two people seldom reach it


class ImageMatcher:
    """Compares images of equal size.

    Source: high-pass correlation at the best shift, see `ShiftSearch`, and at the best of a few scales.

    Args:
        height: height of the images in pixels.
        width: width of the images in pixels.
        threshold: minimum correlation of images of the same scan; the search stops when it is reached.
    """

    def __init__(self, height: int, width: int, *, threshold: float = SAME_SCAN_CORRELATION) -> None:
        self.shape, self.threshold = (height, width), threshold
        self.fine, self.coarse = _band(min(height, width))
        max_shift = max(1.0, MAX_SHIFT * max(height, width) / 256)
        self.search = ShiftSearch(height, width, max_shift=max_shift, steps=STEPS_PER_PIXEL)
        self._scales = [(resampling(height, scale), resampling(width, scale)) for scale in SCALES]

    def details(self, images: NDArray[Any]) -> Images:
        """Band-passed images of unit norm, (B, H, W), from images (B, H, W) in [0, 1]."""
        return normalize(band_pass(images, cells=self.shape, fine=self.fine, coarse=self.coarse))

    def correlation(self, first: Images, second: Images) -> float:
        """The correlation of two details (H, W) at the best shift and scale; 1 for equal images."""
        target = self.search.spectra(first[None])[0]
        best = self._best_shift(target, self.search.spectra(second[None])[0])
        if not MIN_PROMISING_CORRELATION <= best < self.threshold:
            return best
        for row_scaling, column_scaling in self._scales:
            scaled = normalize(np.matmul(row_scaling @ second, column_scaling.T)[None])
            best = max(best, self._best_shift(target, self.search.spectra(scaled)[0]))
            if best >= self.threshold:
                break
        return best

    def _best_shift(self, first: NDArray[np.complex64], second: NDArray[np.complex64]) -> float:
        return float(self.search.correlations(first, second).max())


def normalize(details: Images) -> Images:
    """Normalizes (B, H, W) to unit norm; zero images stay zero."""
    norms = np.sqrt(np.einsum("bij,bij->b", details, details))
    normalized: Images = details / np.maximum(norms, 1e-6)[:, None, None]
    return normalized


def _band(side: int) -> tuple[float, float]:
    """Standard deviations of narrow and wide blur in pixels; small images are blurred less."""
    fine = min(1.0, max(0.0, (side - 48) / 96))
    return fine, 1.0 + fine
