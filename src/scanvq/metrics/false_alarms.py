"""Conformal p-values from held-out people, and what a rate of verdicts means beside chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95  # of intervals
Values = NDArray[np.float64]


def conformal_p(values: Values, held_out: Values) -> Values:
    """p-values (n,): the share of held-out people, and the value itself, that are at least as high.

    If a value is exchangeable with those of the held-out people, P(p <= a) <= a for every a (Vovk, Gammerman
    and Shafer, Algorithmic Learning in a Random World, 2005).

    Args:
        values: (n,), higher is more suspicious.
        held_out: (m,), one value for each held-out person, m at least 1.
    """
    ordered = np.sort(held_out)
    higher = len(ordered) - np.searchsorted(ordered, values, side="left")
    p: Values = (1 + higher) / (1 + len(ordered))
    return p


def smallest_p(held_out: int) -> float:
    """The smallest p-value that so many held-out people allow."""
    return 1 / (held_out + 1)


def fewest_held_out(level: float) -> int:
    """The fewest held-out people with whom a p-value can reach `level`."""
    return math.ceil(1 / level - 1e-9) - 1


def chance_of_copies(level: float, *, held_out: int, samples: int) -> tuple[float, float, float]:
    """The rate of verdicts that new people would get: mean, low and high of 95 % of all audits.

    The number of false alarms among `samples` has a beta-binomial distribution, because the same `held_out`
    people decide on all samples (Vovk, ACML 2012, on conditional validity).
    """
    reached = math.floor(level * (held_out + 1) + 1e-9)
    if reached == 0:
        return 0.0, 0.0, 0.0
    law = stats.betabinom(samples, reached, held_out + 1 - reached)
    low, high = law.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2]) / samples
    return reached / (held_out + 1), float(low), float(high)


def proportion_interval(count: int, total: int) -> tuple[float, float]:
    """The exact 95 % interval of a proportion (Clopper and Pearson, Biometrika 1934)."""
    if not 0 <= count <= total or total < 1:
        raise ValueError(f"{count} of {total} is no proportion")
    interval = stats.binomtest(count, total).proportion_ci(LEVEL, method="exact")
    return float(interval.low), float(interval.high)
