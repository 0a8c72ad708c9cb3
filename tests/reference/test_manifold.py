"""Precision, recall, density, coverage against the published algorithm of `prdc`, point by point."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.metrics.manifold import manifold_scores
from scanvq.metrics.refusal import TooFewImages


def of_prdc(real: np.ndarray, created: np.ndarray, k: int) -> dict[str, float]:
    """As `prdc.compute_prdc`: a radius is the largest of k + 1 distances, the one to itself included."""

    def distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.array([[np.linalg.norm(one - two) for two in y] for one in x])

    def radii(x: np.ndarray) -> np.ndarray:
        return np.sort(distance(x, x), axis=1)[:, : k + 1].max(axis=1)

    between, real_radii, created_radii = distance(real, created), radii(real), radii(created)
    return {
        "precision": (between < real_radii[:, None]).any(axis=0).mean(),
        "recall": (between < created_radii[None]).any(axis=1).mean(),
        "density": (between < real_radii[:, None]).sum(axis=0).mean() / k,
        "coverage": (between.min(axis=1) < real_radii).mean(),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.7, 5.0])
def test_equals_prdc(k: int, shift: float) -> None:
    random = np.random.default_rng(k)
    real, created = random.normal(size=(40, 4)), random.normal(shift, 0.8, size=(33, 4))
    found = manifold_scores(real, created, neighbors=k)
    for name, expected in of_prdc(real, created, k).items():
        assert getattr(found, name) == pytest.approx(expected, abs=1e-3), name


def test_equals_the_package_prdc() -> None:
    prdc = pytest.importorskip("prdc")
    random = np.random.default_rng(0)
    real, created = random.normal(size=(60, 6)), random.normal(0.3, 1, size=(50, 6))
    expected = prdc.compute_prdc(real_features=real, fake_features=created, nearest_k=5)
    found = manifold_scores(real, created, neighbors=5)
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, abs=1e-3)


def test_equal_distributions_have_density_one() -> None:
    random = np.random.default_rng(0)
    found = [manifold_scores(random.normal(size=(200, 3)), random.normal(size=(200, 3))) for _ in range(10)]
    assert np.mean([scores.density for scores in found]) == pytest.approx(1, abs=0.05)
    assert np.mean([scores.coverage for scores in found]) == pytest.approx(1 - 0.5**5, abs=0.02)


def test_one_image_made_again_and_again_is_precise_and_covers_nothing() -> None:
    real = np.random.default_rng(0).normal(size=(100, 3))
    found = manifold_scores(real, np.repeat(real[:1], 100, axis=0))
    assert found.precision == 1
    assert found.recall == 0
    assert found.coverage < 0.2


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_images_are_refused_by_name(count: int) -> None:
    with pytest.raises(TooFewImages, match=f"there are {count}"):
        manifold_scores(np.zeros((count, 2)), np.zeros((20, 2)))
