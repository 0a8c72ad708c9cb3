"""Every score of a comparison of created images with a reference; a new one is one line here."""

from __future__ import annotations

from collections.abc import Sequence

from scanvq.evaluation.distances import FrechetDistance, KernelDistance
from scanvq.evaluation.metric import Metric
from scanvq.evaluation.overlap import Overlap
from scanvq.evaluation.spaces import Space
from scanvq.evaluation.two_sample import TwoSampleTest
from scanvq.evaluation.variety import Variety


def comparison_metrics(spaces: Sequence[Space], *, interval: bool = True, seed: int = 0) -> list[Metric]:
    """Fresh metrics for one comparison.

    Args:
        spaces: those of `fit_spaces`.
        interval: also compute 95 % intervals.
        seed: of everything random.
    """
    features, pca32, _ = spaces
    return [
        TwoSampleTest("features", space=features, interval=interval, seed=seed),
        TwoSampleTest("pca32", space=pca32, interval=interval, seed=seed),
        TwoSampleTest("network", interval=interval, seed=seed),
        FrechetDistance(spaces, interval=interval, seed=seed),
        KernelDistance(spaces, interval=interval, seed=seed),
        Overlap(spaces, interval=interval, seed=seed),
        Variety(interval=interval, seed=seed),
    ]
