"""Whether the two halves of an image go together: left-right correlation of brightness and sharpness."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.metric import Estimate, Metric, Result, with_interval
from scanvq.metrics.halves import half_statistics
from scanvq.metrics.refusal import NoVariation, require_images

STATISTICS = ("brightness", "sharpness")


class LeftRightCorrelation(Metric):
    """Correlations over created images of left and right half; the reference is not looked at.

    To be read beside the floor, the same of real images: far below it the halves of a created image were made
    as if they were of two scans; far above it created images lack the asymmetries of real ones.
    """

    name: ClassVar[str] = "symmetry"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"symmetry.{statistic}" for statistic in STATISTICS)

    def _compare(self, created: ImageSet, reference: ImageSet) -> Result:
        require_images(len(created), "a left-right correlation")
        halves = created.described("halves", half_statistics)
        return {
            name: self._of(created, halves[:, 2 * place], halves[:, 2 * place + 1])
            for place, name in enumerate(self.names)
        }

    def _of(self, created: ImageSet, left: NDArray[np.float64], right: NDArray[np.float64]) -> Estimate:
        found = with_interval(
            partial(_correlation, left, right), created, created, interval=self.interval, seed=self.seed
        )
        if found.low is None or found.high is None:
            return found
        return replace(found, low=max(found.low, -1.0), high=min(found.high, 1.0))


def _correlation(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    kept: NDArray[np.bool_],
    others: NDArray[np.bool_],
) -> float:
    """Pearson's of the images that a mask keeps. Raises NoVariation where one half is alike in all."""
    one, two = left[kept] - left[kept].mean(), right[kept] - right[kept].mean()
    scale = float(np.sqrt((one**2).sum() * (two**2).sum()))
    if scale < 1e-9 * max(1, len(one)):
        raise NoVariation("a left-right correlation needs images that differ; these are all alike")
    return float(np.clip((one * two).sum() / scale, -1, 1))
