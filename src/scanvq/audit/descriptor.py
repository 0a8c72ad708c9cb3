"""Features that tell images of one scan from those of another, whatever small changes were made to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from scanvq.audit.details import FEW_CELLS, details
from scanvq.audit.disguises import SHIFT, nuisance
from scanvq.metrics.pca_features import PrincipalComponents

Images = NDArray[np.float32]
Vectors = NDArray[np.float32]
DIMENSIONS = 100
COMPONENTS = 200  # principal components before the discriminant
CHANGED, VERSIONS = 150, 4  # images whose changed versions are looked at, and how many of each
RIDGE = 0.05  # of the mean variance of changes, added to that of each component
STEPS = (-SHIFT, -SHIFT // 2, 0, SHIFT // 2, SHIFT)  # tested shifts of an image in pixels


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """Images to vectors of unit norm, whose product is the similarity of two images.

    Linear discriminants of band-passed images of 32 cells: every training image is a class, and its versions
    with changed gray values, blur, noise and residual shift are the members (Fisherfaces, Belhumeur et al.,
    IEEE PAMI 1997). Along every direction training images have variance 1, so that what all people have in
    common counts little.

    Attributes:
        mean: (p,).
        projection: (p, d).
    """

    mean: Vectors
    projection: Vectors

    @classmethod
    def fit(cls, training: Images, vectors: Vectors, *, seed: int = 0) -> Descriptor:
        """Fits the directions.

        Args:
            training: (m, H, W), images to change; 150 are enough.
            vectors: (n, p), `flat_details` of all training images, n at least 2.
            seed: of the changes.
        """
        random = np.random.default_rng(seed)
        chosen = training[:CHANGED]
        repeats = max(VERSIONS, -(-VERSIONS * 50 // len(chosen)))  # of few images, more versions
        before = flat_details(chosen)
        changes = np.concatenate([flat_details(nuisance(chosen, random)) - before for _ in range(repeats)])
        few = vectors[random.permutation(len(vectors))[: 4 * COMPONENTS]].astype(np.float64)
        principal = PrincipalComponents.of(few, COMPONENTS)
        scores = (vectors - principal.mean) @ principal.components.T
        noise = changes @ principal.components.T
        within = noise.T @ noise / len(noise)
        within += RIDGE * np.eye(len(within)) * (np.trace(within) / len(within) + 1e-9)
        values, directions = linalg.eigh(scores.T @ scores / len(scores), within)
        kept = np.argsort(values)[::-1][:DIMENSIONS]
        scale = np.sqrt(np.maximum(values[kept], 1e-12))
        return cls(
            mean=principal.mean.astype(np.float32),
            projection=(principal.components.T @ directions[:, kept] / scale).astype(np.float32),
        )

    def project(self, vectors: Vectors) -> Vectors:
        """`flat_details` (n, p) to features (n, d) of unit norm."""
        features = (vectors - self.mean) @ self.projection
        normalized: Vectors = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6)
        return normalized

    def versions(self, images: Images) -> Vectors:
        """Features (n, v, d) of images at 25 shifts, original and mirrored."""
        found = []
        for row in STEPS:
            for column in STEPS:
                small = details(images, cells=FEW_CELLS, offset=(row, column))
                for one in (small, small[..., ::-1]):
                    found.append(self.project(np.ascontiguousarray(one).reshape(len(one), -1)))
        return np.stack(found, axis=1)


def flat_details(images: Images) -> Vectors:
    """Band-passed images on 32 cells as rows (n, p)."""
    return details(images, cells=FEW_CELLS).reshape(len(images), -1)
