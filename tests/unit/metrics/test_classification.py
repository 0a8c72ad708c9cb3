"""Balanced accuracy and AUC of classes: scikit-learn's numbers, with and without weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from scanvq.metrics.classification import balanced_accuracy, one_vs_rest_auc


@pytest.mark.parametrize("classes", [2, 3])
def test_equal_to_scikit_learn(classes: int) -> None:
    random = np.random.default_rng(classes)
    probabilities = random.dirichlet(np.ones(classes), 60)
    labels = np.arange(60) % classes
    counts = random.integers(0, 4, (5, 60))
    counts[:, :classes] = 1  # no class without weight
    for row in (np.ones(60, int), *counts):
        drawn = np.repeat(np.arange(60), row)
        weights = row[None].astype(float)
        expected = balanced_accuracy_score(labels[drawn], probabilities[drawn].argmax(axis=1))
        assert balanced_accuracy(probabilities, labels, weights)[0] == pytest.approx(expected)
        scores = probabilities[drawn, 1] if classes == 2 else probabilities[drawn]
        expected = roc_auc_score(labels[drawn], scores, multi_class="ovr")
        assert one_vs_rest_auc(probabilities, labels, weights)[0] == pytest.approx(expected)


def test_a_draw_without_a_class_has_no_number() -> None:
    labels = np.array([0, 0, 1, 1])
    weights = np.array([[1.0, 1, 0, 0]])
    probabilities = np.eye(2)[labels]
    assert np.isnan(balanced_accuracy(probabilities, labels, weights)).all()
    assert np.isnan(one_vs_rest_auc(probabilities, labels, weights)).all()
