"""A classifier counts only if it tells bad images from real ones, and real ones from real ones not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scanvq.evaluation.degradations import BAD_REFERENCES
from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.metric import Estimate, Score
from scanvq.evaluation.spaces import Space
from scanvq.evaluation.two_sample import TwoSampleTest, assign_folds, classifier_doubts

CLASSIFIERS = ("features", "pca32", "network")
SPLITS = 6
COUNT = 150  # subjects on each side of a split


def auc(
    classifier: str, spaces: tuple[Space, ...], created: ImageSet, reference: ImageSet, seed: int
) -> float:
    space = next((one for one in spaces if one.name == classifier and classifier != "network"), None)
    test = TwoSampleTest(classifier, space=space, interval=False, seed=seed)
    test.update(created, side="created")
    test.update(reference, side="reference")
    value = test.compute()[f"auc.{classifier}"].value
    assert value is not None
    return value


@pytest.mark.slow
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_real_images_of_other_people_cannot_be_told(
    classifier: str, spaces: tuple[Space, ...], compared: ImageSet
) -> None:
    values = []
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(len(compared))
        one, two = compared.take(order[:COUNT]), compared.take(order[COUNT:])
        values.append(auc(classifier, spaces, one, two, split))
    assert 0.45 <= np.mean(values) <= 0.55, values
    assert np.std(values, ddof=1) / np.sqrt(len(values)) < 0.025, values  # so the mean says something


def score_of(value: float, **references: Any) -> Score:
    return Score(estimate=Estimate(value=value, n=100), **references)


def test_a_note_says_where_a_classifier_does_not_count() -> None:
    bad = {"blurred": 0.97, "mean": 1.0}
    fine = score_of(0.8, floor=0.6, floor_interval=(0.52, 0.68), bad=bad)
    assert classifier_doubts(fine) is fine
    assert classifier_doubts(score_of(0.8, floor=None, bad={"blurred": None})).estimate.note == ""
    missed = classifier_doubts(score_of(0.8, floor=0.5, bad={**bad, "blurred": 0.91}))
    assert missed.to_dict()["note"] == (
        "this classifier does not count here: blurred images are told with 0.910 only, below 0.95"
    )
    told = classifier_doubts(score_of(0.8, floor=0.66, floor_interval=(0.57, 0.74), bad=bad))
    assert "real images of other people give 0.660, not 0.45 to 0.55" in told.estimate.note


@pytest.mark.slow
@pytest.mark.parametrize("degradation", BAD_REFERENCES)
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_bad_images_are_told(
    classifier: str, degradation: str, spaces: tuple[Space, ...], compared: ImageSet
) -> None:
    order = np.random.default_rng(0).permutation(len(compared))
    reals, others = compared.take(order[:COUNT]), compared.take(order[COUNT:])
    images = BAD_REFERENCES[degradation](others.images, np.random.default_rng(0))
    bad = ImageSet(name=degradation, images=images, subjects=others.subjects)
    assert auc(classifier, spaces, bad, reals, 0) >= 0.95


def test_a_subject_is_in_one_fold_and_both_sides_are_in_every_fold() -> None:
    random = np.random.default_rng(0)
    subjects, other = random.integers(0, 20, 70), random.integers(10, 40, 90)
    folds, other_folds = assign_folds(subjects, other, 5, seed=0)
    of_subject = dict(zip(subjects.tolist(), folds.tolist(), strict=True))
    assert all(of_subject[s] == f for s, f in zip(subjects.tolist(), folds.tolist(), strict=True))
    shared = [(s, f) for s, f in zip(other.tolist(), other_folds.tolist(), strict=True) if s in of_subject]
    assert shared
    assert all(of_subject[s] == f for s, f in shared)
    for counts in (np.bincount(folds, minlength=5), np.bincount(other_folds, minlength=5)):
        assert counts.min() >= 5
    assert folds.shape == (70,)
    assert other_folds.shape == (90,)


def test_the_same_seed_gives_the_same_number(spaces: tuple[Space, ...], compared: ImageSet) -> None:
    one, two = compared.take(np.arange(12)), compared.take(np.arange(12, 24))
    for classifier in CLASSIFIERS:
        assert auc(classifier, spaces, one, two, 3) == auc(classifier, spaces, one, two, 3)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_images_are_refused_by_name(count: int, spaces: tuple[Space, ...], compared: ImageSet) -> None:
    test = TwoSampleTest("features", space=spaces[0])
    test.update(compared.take(np.arange(count)), side="created")
    test.update(compared.take(np.arange(10, 10 + count)), side="reference")
    (estimate,) = test.compute().values()
    assert estimate.value is None
    assert estimate.refused.startswith("TooFewImages: ")
