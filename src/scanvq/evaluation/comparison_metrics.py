"""Every score of a comparison of created images with a reference; a new one is one line here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scanvq.evaluation.distances import FrechetDistance, KernelDistance
from scanvq.evaluation.metric import Metric
from scanvq.evaluation.overlap import Overlap
from scanvq.evaluation.spaces import Space
from scanvq.evaluation.symmetry import LeftRightCorrelation
from scanvq.evaluation.two_sample import TwoSampleTest
from scanvq.evaluation.variety import Variety
from scanvq.metrics.refusal import FEWEST_IMAGES


class MetricsOf(Protocol):
    """Makes the metrics of a comparison; arguments as those of `comparison_metrics`."""

    def __call__(
        self, spaces: Sequence[Space], *, interval: bool = True, seed: int = 0
    ) -> Sequence[Metric]: ...


def comparison_metrics(spaces: Sequence[Space], *, interval: bool = True, seed: int = 0) -> list[Metric]:
    """Fresh metrics for one comparison.

    Args:
        spaces: those of `fit_spaces`; each has a classifier, that of "network" a new network on the pixels.
        interval: also compute 95 % intervals.
        seed: of everything random.
    """
    return [
        *(two_sample_test(space, interval=interval, seed=seed) for space in spaces),
        FrechetDistance(spaces, interval=interval, seed=seed),
        KernelDistance(spaces, interval=interval, seed=seed),
        Overlap(spaces, interval=interval, seed=seed),
        Variety(interval=interval, seed=seed),
        LeftRightCorrelation(interval=interval, seed=seed),
    ]


def two_sample_test(space: Space, *, interval: bool, seed: int, fewest: int = FEWEST_IMAGES) -> TwoSampleTest:
    """The two-sample test of a space; arguments as those of `comparison_metrics` and `TwoSampleTest`."""
    vectors = None if space.name == "network" else space
    return TwoSampleTest(space.name, space=vectors, fewest=fewest, interval=interval, seed=seed)
