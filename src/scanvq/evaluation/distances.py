"""Distances between created images and the reference, in each space of features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.metric import Estimate, Metric, Result, with_interval
from scanvq.evaluation.spaces import Space
from scanvq.metrics.frechet import frechet_extrapolated
from scanvq.metrics.kernel_distance import kernel_distance

Mask = NDArray[np.bool_]
UNBIASED = "an estimate without bias, at distance 0 below 0 in half of all cases"
BELOW = f"below 0 by chance ({UNBIASED}): no difference found"
CUT = f"fell below 0 by chance ({UNBIASED}) and is written as 0: no difference found"


class FrechetDistance(Metric):
    """The Frechet distance at infinitely many images, extrapolated in 1/n.

    Args:
        spaces: which distances are measured in.
        interval, seed: as of `Metric`.
    """

    name: ClassVar[str] = "frechet"

    def __init__(self, spaces: Sequence[Space], *, interval: bool = True, seed: int = 0) -> None:
        super().__init__(interval=interval, seed=seed)
        self.spaces = tuple(spaces)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"frechet.{space.name}" for space in self.spaces)

    def _compare(self, created: ImageSet, reference: ImageSet) -> Result:
        return {f"frechet.{space.name}": self._of(space, created, reference) for space in self.spaces}

    def _of(self, space: Space, created: ImageSet, reference: ImageSet) -> Estimate:
        one, two = space.projected(created), space.projected(reference)

        def statistic(kept: Mask, others: Mask) -> float:
            return frechet_extrapolated(
                one[kept],
                two[others],
                subjects=created.subjects[kept],
                other_subjects=reference.subjects[others],
                seed=self.seed,
            )

        found = with_interval(statistic, created, reference, interval=self.interval, seed=self.seed)
        if found.value is not None and found.value < 0:
            high = None if found.high is None else max(found.high, 0.0)
            note = f"{CUT}; {found.note}" if found.note else CUT
            return replace(found, value=0.0, low=None if found.low is None else 0.0, high=high, note=note)
        return found if found.low is None else replace(found, low=max(found.low, 0.0))


class KernelDistance(Metric):
    """The unbiased kernel distance.

    Args:
        spaces: which distances are measured in.
        interval, seed: as of `Metric`.
    """

    name: ClassVar[str] = "kernel"

    def __init__(self, spaces: Sequence[Space], *, interval: bool = True, seed: int = 0) -> None:
        super().__init__(interval=interval, seed=seed)
        self.spaces = tuple(spaces)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"kernel.{space.name}" for space in self.spaces)

    def _compare(self, created: ImageSet, reference: ImageSet) -> Result:
        return {f"kernel.{space.name}": self._of(space, created, reference) for space in self.spaces}

    def _of(self, space: Space, created: ImageSet, reference: ImageSet) -> Estimate:
        one, two = space.projected(created), space.projected(reference)

        def statistic(kept: Mask, others: Mask) -> float:
            return kernel_distance(
                one[kept],
                two[others],
                subjects=created.subjects[kept],
                other_subjects=reference.subjects[others],
            )

        found = with_interval(statistic, created, reference, interval=self.interval, seed=self.seed)
        if found.value is None or found.value >= 0:
            return found
        return replace(found, note=f"{BELOW}; {found.note}" if found.note else BELOW)
