"""The Frechet distance against closed forms and scipy's general matrix root."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from scanvq.metrics.frechet import frechet_distance, frechet_extrapolated, frechet_of_gaussians
from scanvq.metrics.refusal import TooFewImages, TooFewSubjects


def test_diagonal_gaussians_have_a_closed_form() -> None:
    random = np.random.default_rng(0)
    mean, other_mean = random.normal(size=(2, 6))
    deviation, other_deviation = random.uniform(0.1, 3, (2, 6))
    expected = ((mean - other_mean) ** 2).sum() + ((deviation - other_deviation) ** 2).sum()
    found = frechet_of_gaussians(mean, np.diag(deviation**2), other_mean, np.diag(other_deviation**2))
    assert found == pytest.approx(expected, abs=1e-9)


def test_equals_the_general_matrix_root() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(60, 8)) @ random.normal(size=(8, 8))
    other = random.normal(size=(50, 8)) @ random.normal(size=(8, 8)) + 0.5
    covariance, other_covariance = np.cov(features.T), np.cov(other.T)
    difference = features.mean(axis=0) - other.mean(axis=0)
    root = np.real(sqrtm(covariance @ other_covariance))
    expected = difference @ difference + np.trace(covariance + other_covariance - 2 * root)
    assert frechet_distance(features, other) == pytest.approx(expected, rel=1e-6)


def test_covariances_without_full_rank() -> None:
    features = np.random.default_rng(2).normal(size=(5, 40))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)
    shifted = features + np.eye(40)[0] * 3
    assert frechet_distance(features, shifted) == pytest.approx(9, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_extrapolation_removes_the_bias_of_few_images(shift: float) -> None:
    """Of 120 images in 10 dimensions; the truth is 10 shift^2."""
    plain, corrected = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        one, two = random.normal(size=(120, 10)), random.normal(size=(120, 10)) + shift
        own = np.arange(120)
        plain.append(frechet_distance(one, two))
        corrected.append(frechet_extrapolated(one, two, subjects=own, other_subjects=own, seed=seed))
    truth = 10 * shift**2
    assert np.mean(plain) > truth + 0.25
    assert np.mean(corrected) == pytest.approx(truth, abs=0.15)


def test_subsets_hold_a_subject_of_both_sides_on_both() -> None:
    """Each image and the same moved by one vector: the distance is that vector's at every n."""
    features = np.random.default_rng(0).normal(size=(60, 5))
    people = np.arange(60) // 2
    found = frechet_extrapolated(features, features + 2, subjects=people, other_subjects=people)
    assert found == pytest.approx(5 * 2**2, abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_images_are_refused_by_name(count: int) -> None:
    with pytest.raises(TooFewImages, match=f"at least 4 images on each side; there are {count}"):
        frechet_distance(np.zeros((count, 2)), np.zeros((50, 2)))


def test_few_subjects_are_refused_by_name() -> None:
    features = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(TooFewSubjects, match="at least 4 subjects; there are 3"):
        frechet_extrapolated(
            features, features, subjects=np.arange(30) % 3, other_subjects=np.arange(30), seed=0
        )
