"""An interval of mean scores of images of several subjects: the bootstrap over subjects."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from scanvq.metrics.refusal import require_subjects

LEVEL = 0.95
DRAWS = 2000
FEWEST_SUBJECTS = 5  # the range of five values holds their median in 94 % of all cases, that of four in 88 %
_CELLS = 2**21  # draws x subjects in memory at a time


def bootstrap_interval(
    values: NDArray[np.floating],
    subjects: NDArray[np.integer],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % intervals of the means of scores, by drawing subjects, each with all of its images.

    Images of a subject are not independent, so subjects are drawn, with replacement (the cluster bootstrap;
    Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8). The bounds are
    percentiles of the means of the draws; their levels are those of Student's t with one degree of freedom
    less than subjects, without which the interval of few subjects would be too short (the expanded percentile
    interval; Hesterberg, "What Teachers Should Know about the Bootstrap", The American Statistician 2015,
    section 4.4).

    Args:
        values: (n,) or (n, k), k scores of each image.
        subjects: (n,), whose image it is.
        draws: of subjects.
        seed: of the draws.

    Returns:
        Low and high, each (k,); (1,) for `values` of shape (n,).

    Raises:
        TooFewSubjects: fewer than five.
        ValueError: as many values as subjects are not given.
    """
    values = np.asarray(values, np.float64).reshape(len(values), -1)
    if len(values) != len(subjects):
        raise ValueError(f"{len(values)} images but {len(subjects)} subjects: give one for each image")
    _, index = np.unique(subjects, return_inverse=True)
    counts = np.bincount(index).astype(np.float64)
    number = len(counts)
    require_subjects(number, "an interval", fewest=FEWEST_SUBJECTS)
    sums = np.zeros((number, values.shape[1]))
    np.add.at(sums, index, values)
    random = np.random.default_rng(seed)
    equal = np.full(number, 1 / number)
    size = max(1, _CELLS // number)
    means = []
    for start in range(0, draws, size):
        times = random.multinomial(number, equal, size=min(size, draws - start)).astype(np.float64)
        means.append((times @ sums) / (times @ counts)[:, None])
    tail = _tail(number)
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return low, high


def _tail(number: int) -> float:
    """The share of draws below the interval: 2.5 % for many subjects, less for few."""
    reach = stats.t.ppf((1 + LEVEL) / 2, number - 1) * math.sqrt(number / (number - 1))
    return float(stats.norm.cdf(-reach))
