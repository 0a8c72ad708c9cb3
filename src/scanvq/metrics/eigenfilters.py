"""Texture of images by the energies of eigenfilters, which are learned from images alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanvq.metrics.pca_features import SIZE

WINDOW = 3
Vectors = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Eigenfilters:
    """The principal components of all windows of 3x3 pixels of a set of images, as nine filters.

    Ade 1983, "Characterization of textures by eigenfilters". No filter is chosen by hand: the first ones
    answer to what is rare in the images, such as noise, the last to what is common, such as their mean.

    Attributes:
        mean: of the windows, (9,).
        filters: (9, 9), orthonormal columns, by rising variance.
    """

    mean: Vectors
    filters: Vectors

    @classmethod
    def of(cls, images: Vectors) -> Eigenfilters:
        """Those of images of 32x32 pixels, (n, 1024)."""
        windows = _windows(images).reshape(-1, WINDOW**2)
        _, filters = np.linalg.eigh(np.cov(windows.T))
        return cls(mean=windows.mean(axis=0), filters=filters)

    def log_energies(self, images: Vectors) -> Vectors:
        """The logarithm of the root mean square of each filter's answer: images (n, 1024) to (n, 9)."""
        answers = (_windows(images) - self.mean) @ self.filters
        return 0.5 * np.log((answers**2).mean(axis=1) + 1e-12)


def _windows(images: Vectors) -> Vectors:
    """Images (n, 1024) to all their windows, (n, 900, 9)."""
    squares = images.reshape(-1, SIZE, SIZE)
    windows = np.lib.stride_tricks.sliding_window_view(squares, (WINDOW, WINDOW), axis=(1, 2))
    return windows.reshape(len(squares), -1, WINDOW**2)
