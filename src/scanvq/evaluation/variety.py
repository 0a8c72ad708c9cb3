"""How much created images differ from each other: MS-SSIM of pairs of them."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.metric import Metric, Result, with_interval
from scanvq.metrics.ms_ssim import ms_ssim
from scanvq.metrics.refusal import TooFewSubjects, require_images, require_subjects

PAIRS = 200
BATCH = 16


class Variety(Metric):
    """The mean MS-SSIM of 200 pairs of created images, of two subjects each; the reference is not looked at.

    Lower is more varied. It is to be read beside the floor, the same of real images: much above it the
    created images are all alike.
    """

    name: ClassVar[str] = "ms_ssim"

    @property
    def names(self) -> tuple[str, ...]:
        return ("ms_ssim",)

    def _compare(self, created: ImageSet, reference: ImageSet) -> Result:
        require_images(len(created), "MS-SSIM of pairs")
        require_subjects(len(np.unique(created.subjects)), "MS-SSIM of pairs", fewest=2)
        first, second = np.triu_indices(len(created), 1)
        apart = np.flatnonzero(created.subjects[first] != created.subjects[second])
        random = np.random.default_rng(self.seed)
        chosen = random.choice(apart, min(PAIRS, len(apart)), replace=False)
        first, second = first[chosen], second[chosen]
        images = torch.from_numpy(created.images)[:, None]
        values = torch.cat(
            [
                ms_ssim(images[first[start : start + BATCH]], images[second[start : start + BATCH]])
                for start in range(0, len(chosen), BATCH)
            ]
        )
        scores = values.double().numpy()

        def statistic(kept: NDArray[np.bool_], others: NDArray[np.bool_]) -> float:
            both = kept[first] & kept[second]
            if not both.any():
                raise TooFewSubjects("an interval of MS-SSIM needs pairs of at least 3 subjects")
            return float(scores[both].mean())

        found = with_interval(statistic, created, created, interval=self.interval, seed=self.seed)
        if found.low is not None and found.high is not None:
            found = replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))
        return {"ms_ssim": found}
