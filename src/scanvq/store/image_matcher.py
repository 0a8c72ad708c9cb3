"""Whether two images show the same scan: their correlation once shift and scale are undone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.store.band_pass import Images, band_pass, resampling

SAME = 0.87
"""Correlation from which two images count as one scan. docs/explanation/leaks.md has the evidence."""

SHIFT = 5.0  # pixels of a 256-pixel image that an image may have moved
STEPS = 2  # positions to a pixel
SCALES = (0.97, 0.98, 0.99, 1.01, 1.02, 1.03)
PROMISING = 0.4  # correlation below which no scale is tried: images of two people seldom reach it


class ImageMatcher:
    """Compares images of one size.

    Source: high-pass correlation at the best shift, found by cross-correlation in the Fourier domain
    (Guizar-Sicairos et al., Optics Letters 2008, for fractions of a pixel).

    Args:
        height: of the images, in pixels.
        width: of the images, in pixels.
        same: correlation from which two images count as one scan; the search stops there.
    """

    def __init__(self, height: int, width: int, *, same: float = SAME) -> None:
        self.shape, self.same = (height, width), same
        self.fine, self.coarse = _band(min(height, width))
        reach = max(1.0, SHIFT * max(height, width) / 256)
        margin = int(np.ceil(reach))
        self._padded = (height + margin, width + margin)
        shifts = np.arange(-margin * STEPS, margin * STEPS + 1) / STEPS
        rows = np.fft.fftfreq(self._padded[0])
        columns = np.fft.rfftfreq(self._padded[1])
        twice = np.full(len(columns), 2.0)  # rfft leaves the mirrored half of the spectrum out
        twice[0] = 1.0
        if self._padded[1] % 2 == 0:
            twice[-1] = 1.0
        self._down = np.exp(2j * np.pi * shifts[:, None] * rows).astype(np.complex64)
        across = np.exp(2j * np.pi * columns[:, None] * shifts) * twice[:, None]
        self._across = (across / np.prod(self._padded)).astype(np.complex64)
        self._scales = [(resampling(height, scale), resampling(width, scale)) for scale in SCALES]

    def details(self, images: NDArray[Any]) -> Images:
        """Images (B, H, W) in [0, 1] to what is compared: fine structure of length 1, (B, H, W)."""
        return unit(band_pass(images, cells=self.shape, fine=self.fine, coarse=self.coarse))

    def spectra(self, details: Images) -> NDArray[np.complex64]:
        """The spectra (B, h, w) of details (B, H, W)."""
        from scipy import fft

        spectra: NDArray[np.complex64] = fft.rfft2(details, self._padded)
        return spectra

    def correlation(self, first: Images, second: Images) -> float:
        """Of two details (H, W), at the best shift and scale; 1 for the same image."""
        target = self.spectra(first[None])[0]
        best = self._best_shift(target, self.spectra(second[None])[0])
        if not PROMISING <= best < self.same:
            return best
        for down, across in self._scales:
            scaled = unit(np.matmul(down @ second, across.T)[None])
            best = max(best, self._best_shift(target, self.spectra(scaled)[0]))
            if best >= self.same:
                break
        return best

    def _best_shift(self, first: NDArray[np.complex64], second: NDArray[np.complex64]) -> float:
        return float((self._down @ (first * second.conj()) @ self._across).real.max())


def unit(details: Images) -> Images:
    """(B, H, W), each of length 1; zero stays zero."""
    norms = np.sqrt(np.einsum("bij,bij->b", details, details))
    lengths: Images = details / np.maximum(norms, 1e-6)[:, None, None]
    return lengths


def _band(side: int) -> tuple[float, float]:
    """Fine and coarse blur, in pixels. Small images have lost their noise, and need all their detail."""
    fine = min(1.0, max(0.0, (side - 48) / 96))
    return fine, 1.0 + fine
