"""AUC and intervals against scikit-learn, closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.metrics.auc import auc_interval, auc_within_folds
from scanvq.metrics.jackknife import jackknife_interval
from scanvq.metrics.refusal import TooFewSubjects


def test_one_fold_is_scikit_learns_auc() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    positive, negative = random.normal(0.5, 1, 40).round(1), random.normal(size=30).round(1)  # with ties
    expected = metrics.roc_auc_score(np.repeat([1, 0], [40, 30]), np.concatenate([positive, negative]))
    found = auc_within_folds(positive, negative, folds=np.zeros(40, int), other_folds=np.zeros(30, int))
    assert found == pytest.approx(expected, abs=1e-12)


def test_scores_of_two_folds_are_not_compared() -> None:
    folds = np.array([0, 0, 1, 1])
    positive, negative = np.array([1.0, 1.0, 9.0, 9.0]), np.array([0.0, 0.0, 8.0, 8.0])
    assert auc_within_folds(positive, negative, folds=folds, other_folds=folds) == 1
    with pytest.raises(ValueError, match="no fold holds"):
        auc_within_folds(positive, negative, folds=folds, other_folds=folds + 2)


def test_auc_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Five images of one subject are alike: an interval over images would be far too short."""
    held, truth = 0, 0.5
    for seed in range(200):
        random = np.random.default_rng(seed)
        subjects = np.repeat(np.arange(20), 5)
        one, two = (np.repeat(random.normal(size=20), 5) + random.normal(0, 0.1, 100) for _ in range(2))
        folds = np.zeros(100, int)
        low, high = auc_interval(
            one,
            two,
            folds=folds,
            other_folds=folds,
            subjects=subjects,
            other_subjects=subjects + 20,
            seed=seed,
        )
        held += low <= truth <= high
    assert held >= 180


def test_the_jackknife_of_a_mean_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        one, two = random.normal(1, 1, 50), random.normal(0, 1, 50)

        def difference(kept: np.ndarray, others: np.ndarray, one=one, two=two) -> float:
            return float(one[kept].mean() - two[others].mean())

        everyone = np.ones(50, bool)
        low, high = jackknife_interval(
            difference,
            difference(everyone, everyone),
            subjects=np.arange(50),
            other_subjects=50 + np.arange(50),
            seed=seed,
        )
        held += low <= 1 <= high
    assert 0.92 <= held / 300 <= 0.98


def test_a_subject_of_both_sides_is_left_out_of_both() -> None:
    subjects = np.arange(12)

    def counted(kept: np.ndarray, others: np.ndarray) -> float:
        assert kept.all() or np.array_equal(subjects[kept], subjects[others])
        return 0.0

    assert jackknife_interval(counted, 0.0, subjects=subjects, other_subjects=subjects) == (0, 0)
    with pytest.raises(TooFewSubjects, match="there are 1"):
        jackknife_interval(counted, 0.0, subjects=subjects, other_subjects=np.zeros(12, int))
