"""The correlation of two images at their best shift, from their Fourier spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanvq.store.band_pass import Images

Spectra = NDArray[np.complex64]


class ShiftSearch:
    """Correlations of images of equal size at all shifts up to a largest one, in fractions of a pixel.

    Source: cross-correlation in the Fourier domain, evaluated by matrix products at the shifts of interest
    (Guizar-Sicairos et al., Optics Letters 2008).

    Args:
        height, width: of the images in pixels.
        max_shift: largest shift in pixels, rounded up to a whole one.
        steps: tested shifts per pixel.
    """

    def __init__(self, height: int, width: int, *, max_shift: float, steps: int = 2) -> None:
        margin = int(np.ceil(max_shift))
        self.shifts = np.arange(-margin * steps, margin * steps + 1) / steps
        self._padded = (height + margin, width + margin)
        rows = np.fft.fftfreq(self._padded[0])
        columns = np.fft.rfftfreq(self._padded[1])
        multiplicity = np.full(len(columns), 2.0)  # rfft omits the conjugate half of the spectrum
        multiplicity[0] = 1.0
        if self._padded[1] % 2 == 0:
            multiplicity[-1] = 1.0
        self._row_waves = np.exp(2j * np.pi * self.shifts[:, None] * rows).astype(np.complex64)
        column_waves = np.exp(2j * np.pi * columns[:, None] * self.shifts) * multiplicity[:, None]
        self._column_waves = (column_waves / np.prod(self._padded)).astype(np.complex64)

    def spectra(self, details: Images) -> Spectra:
        """The padded real Fourier spectra (B, h, w) of details (B, H, W)."""
        from scipy import fft

        spectra: Spectra = fft.rfft2(details, self._padded)
        return spectra

    def correlations(self, first: Spectra, second: Spectra) -> NDArray[np.float32]:
        """Spectra (..., h, w), broadcast, to correlations (..., s, s) at all shifts of rows and columns."""
        found: NDArray[np.float32] = (self._row_waves @ (first * second.conj()) @ self._column_waves).real
        return found
