"""Precision, recall, density and coverage of one set of features in another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanvq.metrics.refusal import require_images

Features = NDArray[np.float64]
NEIGHBORS = 5


@dataclass(frozen=True, kw_only=True)
class ManifoldScores:
    """How two sets of features lie in each other.

    Attributes:
        precision: share of the created images inside the ball of at least one real image.
        recall: share of the real images inside the ball of at least one created image.
        density: mean number of real balls that a created image lies in, over k; 1 for equal distributions,
            unbounded above.
        coverage: share of the real images whose ball holds a created image.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def neighbor_count(count: int) -> int:
    """The k that is used for n images: 5, or n - 1 where there are fewer."""
    return min(NEIGHBORS, count - 1)


def manifold_scores(real: Features, created: Features, *, neighbors: int | None = None) -> ManifoldScores:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    The ball of an image reaches to the k-th nearest other image of its own set. The image itself, at distance
    0, is not one of the k: `prdc` takes the (k + 1)-th smallest distance to the same end.

    Args:
        real, created: (n, d) and (m, d).
        neighbors: k; None for 5, or n - 1 of fewer images.

    Raises:
        TooFewImages: n or m below 4, or not above k.
    """
    count = min(len(real), len(created))
    require_images(count, "precision and recall")
    neighbors = neighbor_count(count) if neighbors is None else neighbors
    require_images(count, f"{neighbors} neighbors", fewest=neighbors + 1)
    real_radius = _radius(real, neighbors)
    created_radius = _radius(created, neighbors)
    distance = np.sqrt(_squared_distances(real, created))
    inside_real = distance < real_radius[:, None]  # (n, m)
    return ManifoldScores(
        precision=float(inside_real.any(axis=0).mean()),
        recall=float((distance < created_radius[None]).any(axis=1).mean()),
        density=float(inside_real.sum(axis=0).mean() / neighbors),
        coverage=float((distance.min(axis=1) < real_radius).mean()),
    )


def _radius(features: Features, neighbors: int) -> Features:
    """The distance of each point to its k-th nearest other point."""
    distance = np.sqrt(_squared_distances(features, features))
    np.fill_diagonal(distance, np.inf)
    return np.partition(distance, neighbors - 1, axis=1)[:, neighbors - 1]


def _squared_distances(features: Features, other: Features) -> Features:
    squares = (features**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2 * features @ other.T
    return np.clip(squares, 0, None)
