"""Conformal p-values: by hand, uniform for exchangeable scores, refused without calibration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scanvq.metrics.conformal import p_values, smallest_p


def test_values_by_hand() -> None:
    assert p_values([0.5, 2.0, 3.0, 9.0], [1.0, 2.0, 3.0]).tolist() == [1.0, 0.75, 0.5, 0.25]
    assert smallest_p(3) == 0.25


@pytest.mark.parametrize("people", [1, 4, 19, 60])
def test_p_values_of_exchangeable_scores_are_uniform(people: int) -> None:
    """Each p-value has the same probability: 1 / (n + 1)."""
    random = np.random.default_rng(people)
    repeats = 4000
    found = [p_values(random.gamma(2, size=1), random.gamma(2, size=people))[0] for _ in range(repeats)]
    counts = np.bincount(np.rint(np.array(found) * (people + 1)).astype(int), minlength=people + 2)[1:]
    assert counts.sum() == repeats
    assert stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("level", [0.05, 0.1])
def test_the_false_alarm_rate_is_the_stated_level(level: float) -> None:
    random = np.random.default_rng(7)
    repeats, people = 3000, 39  # 0.05 and 0.1 are multiples of 1 / 40, so the rate is exact
    alarms = sum(
        int(p_values(random.normal(size=1), random.normal(size=people))[0] <= level) for _ in range(repeats)
    )
    assert stats.binomtest(alarms, repeats, level).pvalue > 0.001


def test_ties_are_conservative() -> None:
    assert p_values([1.0], [1.0, 1.0, 0.0]).tolist() == [0.75]


@pytest.mark.parametrize(("scores", "known"), [([1.0], []), ([np.nan], [1.0]), ([1.0], [np.nan])])
def test_what_has_no_p_value_is_refused(scores: list[float], known: list[float]) -> None:
    with pytest.raises(ValueError, match="p-value"):
        p_values(scores, known)
