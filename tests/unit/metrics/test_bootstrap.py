"""Intervals over subjects against SciPy's bootstrap, closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scanvq.metrics.bootstrap import bootstrap_interval
from scanvq.metrics.refusal import TooFewSubjects


def test_with_one_image_of_each_of_many_subjects_it_is_scipys() -> None:
    values = np.random.default_rng(0).exponential(size=300)
    low, high = bootstrap_interval(values, np.arange(300), draws=20_000)
    expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1)
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert low[0] == pytest.approx(expected.confidence_interval.low, abs=0.03 * width)
    assert high[0] == pytest.approx(expected.confidence_interval.high, abs=0.03 * width)


def test_for_few_subjects_it_is_as_wide_as_students() -> None:
    values = np.random.default_rng(0).normal(size=12)
    low, high = bootstrap_interval(values, np.arange(12), draws=20_000)
    half = stats.t.ppf(0.975, 11) * values.std(ddof=1) / np.sqrt(12)
    assert (high[0] - low[0]) / 2 == pytest.approx(half, rel=0.1)


def test_copies_of_images_make_it_no_shorter() -> None:
    values, subjects = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20)
    once = bootstrap_interval(values, subjects)
    often = bootstrap_interval(np.repeat(values, 7, axis=0), np.repeat(subjects, 7))
    np.testing.assert_allclose(once, often)
    random = np.random.default_rng(1).permutation(20)
    moved = bootstrap_interval(values, random)
    assert not np.allclose(once, moved, rtol=1e-12)  # other subjects are drawn
    np.testing.assert_allclose(np.subtract(*moved), np.subtract(*once), rtol=0.15)


def test_a_subject_of_many_images_weighs_as_much_as_they_do() -> None:
    subjects = np.repeat(np.arange(6), [1, 1, 1, 1, 1, 995])
    low, high = bootstrap_interval((subjects == 5).astype(float), subjects)
    assert low[0] < 0.5 < high[0] <= 1


def test_equal_seeds_give_equal_intervals() -> None:
    values, subjects = np.random.default_rng(0).normal(size=40), np.arange(40) // 2
    first, again, other = (bootstrap_interval(values, subjects, seed=seed) for seed in (3, 3, 4))
    assert (first[0], first[1]) == (again[0], again[1])
    assert first[0] != other[0]


def test_draws_do_not_depend_on_how_many_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    values, subjects = np.random.default_rng(0).normal(size=40), np.arange(40) // 2
    whole = bootstrap_interval(values, subjects)
    monkeypatch.setattr("scanvq.metrics.bootstrap._CELLS", 500)
    np.testing.assert_array_equal(whole, bootstrap_interval(values, subjects))


@pytest.mark.slow
@pytest.mark.parametrize("people", [6, 25])
def test_they_hold_the_truth_as_often_as_they_say(people: int) -> None:
    """Images of one person are alike, and one has one image where another has eight."""
    held = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        subjects = np.repeat(np.arange(people), random.integers(1, 9, people))
        values = 0.7 + 0.1 * random.normal(size=people)[subjects] + random.normal(0, 0.02, len(subjects))
        low, high = bootstrap_interval(values, subjects, seed=seed)
        held += bool(low[0] <= 0.7 <= high[0])
    assert 0.9 <= held / 200 <= 0.98


def test_too_few_subjects_are_refused() -> None:
    with pytest.raises(TooFewSubjects, match="an interval needs images of at least 5 subjects; there are 4"):
        bootstrap_interval(np.arange(40.0), np.arange(40) % 4)
    low, high = bootstrap_interval(np.arange(40.0), np.arange(40) % 5)
    assert low[0] <= 19.5 <= high[0]
    with pytest.raises(ValueError, match="4 images but 5 subjects"):
        bootstrap_interval(np.arange(4.0), np.arange(5))
