"""AUROC, average precision and Dice of maps: by hand, and as scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from scanvq.metrics.segmentation import Ranking, dice


def test_values_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    mask = random.random((3, 10, 12)) < 0.2
    scores = np.round(random.normal(size=mask.shape) + mask, 1)  # with ties
    ranking = Ranking.of(scores, mask)
    assert ranking.auroc == pytest.approx(roc_auc_score(mask.ravel(), scores.ravel()))
    assert ranking.average_precision == pytest.approx(average_precision_score(mask.ravel(), scores.ravel()))


def test_the_best_threshold_has_the_highest_dice() -> None:
    random = np.random.default_rng(1)
    mask = random.random(200) < 0.3
    scores = np.round(random.normal(size=200) + mask, 1)
    best = Ranking.of(scores, mask).best_threshold
    assert dice(scores >= best, mask) == max(dice(scores >= one, mask) for one in np.unique(scores))


def test_dice_by_hand() -> None:
    found, mask = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert dice(found, mask) == 0.5
    assert dice(found, found) == 1
    assert dice(~found, found) == 0
    assert dice(np.zeros(3, bool), np.zeros(3, bool)) == 1


def test_masks_of_one_kind_and_other_shapes_are_refused() -> None:
    for mask in (np.zeros(4, bool), np.ones(4, bool)):
        with pytest.raises(ValueError, match="inside and outside"):
            Ranking.of(np.arange(4.0), mask)
    with pytest.raises(ValueError, match="must be equal"):
        Ranking.of(np.arange(4.0), np.zeros(5, bool))
