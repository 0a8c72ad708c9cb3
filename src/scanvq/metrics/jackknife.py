"""An interval of a statistic of images of several subjects: the jackknife over groups of subjects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from scanvq.metrics.refusal import require_subjects

GROUPS = 10
LEVEL = 0.95
Mask = NDArray[np.bool_]


def jackknife_interval(
    statistic: Callable[[Mask, Mask], float],
    value: float,
    *,
    subjects: NDArray[np.integer],
    other_subjects: NDArray[np.integer],
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % interval of a statistic of two sets of images around its value.

    Subjects are divided at random into ten groups; the spread of the statistic without each of them gives its
    standard error, and Student's t with nine degrees of freedom the interval. Unlike the bootstrap this
    repeats no image, which would move distances between sets.

    Args:
        statistic: of the images that two masks, (n,) and (m,), keep.
        value: with all images.
        subjects, other_subjects: (n,) and (m,); a subject of both sides is left out of both at once.
        seed: of the groups.

    Raises:
        TooFewSubjects: fewer than two subjects on one side.
    """
    own, others = np.unique(subjects), np.unique(other_subjects)
    fewest = min(len(own), len(others))
    require_subjects(fewest, "an interval", fewest=2)
    count = min(GROUPS, fewest)
    random = np.random.default_rng(seed)
    # Shared subjects first: each side's own are then spread evenly too.
    shared = np.intersect1d(own, others)
    group: dict[int, int] = {}
    for names in (shared, np.setdiff1d(own, shared), np.setdiff1d(others, shared)):
        group.update({int(name): place % count for place, name in enumerate(random.permutation(names))})
    mine = np.array([group[int(name)] for name in subjects])
    theirs = np.array([group[int(name)] for name in other_subjects])
    without = np.array([statistic(mine != left, theirs != left) for left in range(count)])
    error = np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum())
    margin = float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * error)
    return value - margin, value + margin
