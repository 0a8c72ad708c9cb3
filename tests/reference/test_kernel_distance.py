"""The kernel distance against scikit-learn's polynomial kernel and the definition of the unbiased MMD."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.metrics.kernel_distance import kernel_distance, polynomial_kernel
from scanvq.metrics.refusal import TooFewImages, TooFewSubjects

pairwise = pytest.importorskip("sklearn.metrics.pairwise")


def test_the_kernel_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    features, other = random.normal(size=(12, 7)), random.normal(size=(9, 7))
    expected = pairwise.polynomial_kernel(features, other, degree=3, gamma=1 / 7, coef0=1)
    np.testing.assert_allclose(polynomial_kernel(features, other), expected, rtol=1e-9)


def test_equals_the_definition() -> None:
    random = np.random.default_rng(1)
    features, other = random.normal(size=(12, 7)), random.normal(0.3, 1.2, size=(9, 7))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 7 + 1) ** 3)

    own = np.mean([kernel(x, y) for i, x in enumerate(features) for j, y in enumerate(features) if i != j])
    others = np.mean([kernel(x, y) for i, x in enumerate(other) for j, y in enumerate(other) if i != j])
    cross = np.mean([kernel(x, y) for x in features for y in other])
    assert kernel_distance(features, other) == pytest.approx(own + others - 2 * cross, abs=1e-9)


def test_shifted_gaussians_have_a_closed_form() -> None:
    """In one dimension, x of N(0, 1) and y of N(1, 1): E(xx'+1)^3 = 4, E(yy'+1)^3 = 32, E(xy+1)^3 = 7."""
    random = np.random.default_rng(2)
    found = np.mean(
        [kernel_distance(random.normal(size=(400, 1)), random.normal(1, 1, (400, 1))) for _ in range(60)]
    )
    assert found == pytest.approx(4 + 32 - 2 * 7, rel=0.05)


def test_no_bias_for_pairs_of_one_subject() -> None:
    """Images and their exact copies: of the same people, and equal in distribution."""
    found = []
    for seed in range(200):
        features = np.random.default_rng(seed).normal(size=(10, 3))
        people = np.arange(10)
        found.append(kernel_distance(features, features, subjects=people, other_subjects=people))
    assert np.mean(found) == pytest.approx(0, abs=1e-9)


def test_refusals() -> None:
    features = np.ones((6, 2))
    with pytest.raises(TooFewImages, match="there are 3"):
        kernel_distance(features[:3], features)
    with pytest.raises(TooFewSubjects, match="at least 2 subjects; there are 1"):
        kernel_distance(features, features, subjects=np.zeros(6, int), other_subjects=np.arange(6))
