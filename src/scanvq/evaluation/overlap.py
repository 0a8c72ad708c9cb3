"""How far created images and the reference cover each other: precision, recall, density, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.metric import Estimate, Metric, Result, with_interval
from scanvq.evaluation.spaces import Space
from scanvq.metrics.manifold import ManifoldScores, manifold_scores, neighbor_count

Mask = NDArray[np.bool_]
SCORES = ("precision", "recall", "density", "coverage")


class Overlap(Metric):
    """Precision, recall, density and coverage, with the five nearest neighbors.

    Args:
        spaces: which neighbors are looked for in.
        interval, seed: as of `Metric`.
    """

    name: ClassVar[str] = "overlap"

    def __init__(self, spaces: Sequence[Space], *, interval: bool = True, seed: int = 0) -> None:
        super().__init__(interval=interval, seed=seed)
        self.spaces = tuple(spaces)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{score}.{space.name}" for score in SCORES for space in self.spaces)

    def _compare(self, created: ImageSet, reference: ImageSet) -> Result:
        return {
            f"{score}.{space.name}": estimate
            for space in self.spaces
            for score, estimate in self._of(space, created, reference).items()
        }

    def _of(self, space: Space, created: ImageSet, reference: ImageSet) -> dict[str, Estimate]:
        one, two = space.projected(created), space.projected(reference)
        found: dict[tuple[bytes, bytes], ManifoldScores] = {}

        def scores(kept: Mask, others: Mask) -> ManifoldScores:
            key = kept.tobytes(), others.tobytes()
            if key not in found:
                neighbors = neighbor_count(int(min(kept.sum(), others.sum())))
                found[key] = manifold_scores(two[others], one[kept], neighbors=neighbors)
            return found[key]

        def estimate(score: str) -> Estimate:
            result = with_interval(
                lambda kept, others: float(getattr(scores(kept, others), score)),
                created,
                reference,
                interval=self.interval,
                seed=self.seed,
            )
            if result.low is None or result.high is None:
                return result
            high = result.high if score == "density" else min(result.high, 1.0)
            return replace(result, low=max(result.low, 0.0), high=high)

        return {score: estimate(score) for score in SCORES}
