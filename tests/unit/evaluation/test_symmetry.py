"""Left-right correlation over images: of symmetric, of unrelated and of equal halves."""

from __future__ import annotations

import numpy as np
import pytest

from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.metric import Estimate
from scanvq.evaluation.symmetry import LeftRightCorrelation


def halves(left: np.ndarray, right: np.ndarray) -> ImageSet:
    """Images of two flat halves."""
    images = np.zeros((len(left), 24, 24), np.float32)
    images[:, 4:20, 4:12] = left[:, None, None]
    images[:, 4:20, 12:20] = right[:, None, None]
    return ImageSet(name="halves", images=images, subjects=np.arange(len(left)))


def correlation(images: ImageSet) -> Estimate:
    metric = LeftRightCorrelation()
    metric.update(images, side="created")
    metric.update(images, side="reference")
    return metric.compute()["symmetry.brightness"]


def test_symmetric_and_unrelated_halves() -> None:
    random = np.random.default_rng(0)
    left, right = random.uniform(0.3, 0.9, (2, 60))
    same, apart = correlation(halves(left, left)), correlation(halves(left, right))
    assert same.value == pytest.approx(1)
    assert apart.value == pytest.approx(np.corrcoef(left, right)[0, 1], abs=1e-4)
    assert apart.low is not None
    assert apart.high is not None
    assert -1 <= apart.low < apart.value < apart.high <= 1


def test_images_all_alike_are_refused_by_name() -> None:
    alike = correlation(halves(np.full(10, 0.5), np.full(10, 0.7)))
    assert alike.value is None
    assert alike.refused.startswith("NoVariation: ")
