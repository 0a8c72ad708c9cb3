"""Conformal p-values and the range of chance, beside simulations and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.metrics.false_alarms import (
    chance_of_copies,
    conformal_p,
    fewest_held_out,
    proportion_interval,
    smallest_p,
)
from scanvq.metrics.nearer_share import chance_range, nearer_share


def test_p_counts_the_held_out_at_least_as_high() -> None:
    p = conformal_p(np.array([5.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(p, [1 / 4, 3 / 4, 1])
    assert smallest_p(3) == 1 / 4


@pytest.mark.parametrize(("level", "people"), [(0.01, 99), (0.05, 19), (0.1, 9), (0.03, 33)])
def test_fewest_people_of_a_level(level: float, people: int) -> None:
    assert fewest_held_out(level) == people
    assert smallest_p(people) <= level < smallest_p(people - 1)


def test_false_alarms_are_as_frequent_as_stated() -> None:
    random = np.random.default_rng(0)
    mean, low, high = chance_of_copies(0.05, held_out=60, samples=40)
    values, held_out = random.normal(size=(2000, 40)), random.normal(size=(2000, 60))
    rates = [(conformal_p(v, h) <= 0.05).mean() for v, h in zip(values, held_out, strict=True)]
    assert np.mean(rates) == pytest.approx(mean, abs=0.004)
    assert mean <= 0.05
    inside = [low <= rate <= high for rate in rates]
    assert 0.93 < np.mean(inside) <= 1


def test_too_few_people_never_alarm() -> None:
    assert chance_of_copies(0.01, held_out=50, samples=10) == (0, 0, 0)


def test_interval_of_a_proportion() -> None:
    low, high = proportion_interval(0, 20)
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 20))
    with pytest.raises(ValueError, match="no proportion"):
        proportion_interval(3, 2)


def test_share_nearer_to_training() -> None:
    random = np.random.default_rng(0)
    everyone = random.normal(size=(200, 130))
    training, held_out = everyone[:, :100], everyone[:, 100:]
    share = nearer_share(training, held_out)
    drawn = [
        (training[:, random.permutation(100)[:30]].max(axis=1) > held_out.max(axis=1)).mean()
        for _ in range(400)
    ]
    assert share == pytest.approx(np.mean(drawn), abs=0.01)
    low, high = chance_range(training, held_out)
    assert low < share < high
    assert low < 0.5 < high
    copied = training.copy()
    copied[:100, 0] += 10  # half of the samples are copies of one person
    assert nearer_share(copied, held_out) > high
    assert nearer_share(held_out, training) == pytest.approx(1 - share)
