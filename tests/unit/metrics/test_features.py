"""Hand-made features and principal components: finite for every image, and they see what they should."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.metrics.features import image_features
from scanvq.metrics.pca_features import PrincipalComponents, small_images


@pytest.mark.parametrize("size", [(16, 24), (32, 32), (189, 157)])
def test_every_image_has_finite_features(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    images = np.stack(
        [np.zeros(size), np.ones(size), random.uniform(size=size), np.eye(*size), np.full(size, 0.5)]
    ).astype(np.float32)
    found = image_features(images)
    assert found.shape[0] == 5
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[2:3], image_features(images[2:3]))


def test_symmetry_of_a_symmetric_image_is_one() -> None:
    image = np.random.default_rng(0).uniform(size=(1, 32, 32)).astype(np.float32)
    mirrored = (image + image[..., ::-1]) / 2
    assert image_features(mirrored)[0, -4] == pytest.approx(1, abs=1e-6)
    assert image_features(image)[0, -4] < 0.9


def test_small_images_are_means_of_areas() -> None:
    images = np.random.default_rng(0).uniform(size=(2, 64, 96)).astype(np.float32)
    expected = images.reshape(2, 32, 2, 32, 3).mean(axis=(2, 4)).reshape(2, -1)
    np.testing.assert_allclose(small_images(images), expected, atol=1e-6)


def test_principal_components_are_scikit_learns() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    vectors = np.random.default_rng(0).normal(size=(50, 12)) * np.arange(1, 13)
    ours = PrincipalComponents.of(vectors, 4)
    theirs = decomposition.PCA(4).fit(vectors)
    np.testing.assert_allclose(np.abs(ours.components @ theirs.components_.T), np.eye(4), atol=1e-6)
    assert ours.project(vectors).var(axis=0, ddof=1).mean() == pytest.approx(1)
    assert PrincipalComponents.of(vectors[:3], 20).project(vectors).shape == (50, 2)
