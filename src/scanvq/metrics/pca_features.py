"""Images of 32x32 pixels by their principal components, which are those of real images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

SIZE = 32


def small_images(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Images (n, H, W) as 32x32 pixels, each the mean of the area that it covers: (n, 1024)."""
    resized = F.interpolate(
        torch.from_numpy(np.ascontiguousarray(images))[:, None], (SIZE, SIZE), mode="area"
    )
    return resized.flatten(1).double().numpy()


@dataclass(frozen=True, kw_only=True)
class PrincipalComponents:
    """Mean and leading principal components of a set of vectors.

    Attributes:
        mean: (p,).
        components: (d, p), orthonormal rows.
        scale: the root of the mean variance along the components; projections are divided by it.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    scale: float

    @classmethod
    def of(cls, vectors: NDArray[np.float64], count: int) -> PrincipalComponents:
        """Those of vectors (n, p); at most `count`, n - 1 and p of them.

        Raises:
            ValueError: fewer than two vectors.
        """
        if len(vectors) < 2:
            raise ValueError("principal components need two vectors at least")
        mean = vectors.mean(axis=0)
        _, singular, rows = np.linalg.svd(vectors - mean, full_matrices=False)
        count = min(count, len(vectors) - 1, vectors.shape[1])
        scale = float(np.sqrt((singular[:count] ** 2).mean() / (len(vectors) - 1)))
        return cls(mean=mean, components=rows[:count], scale=scale if scale > 1e-12 else 1.0)

    def project(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Vectors (n, p) along the components: (n, d), of mean variance 1 for those that it was fitted to."""
        return (vectors - self.mean) @ self.components.T / self.scale
