"""Scores of a classifier of several classes, for any weights of the images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanvq.metrics.auc import weighted_auc

Values = NDArray[np.float64]


def balanced_accuracy(probabilities: Values, labels: NDArray[np.integer], weights: Values) -> Values:
    """The mean over classes of the share of their images that are classified rightly.

    Args:
        probabilities: (n, c); the largest of an image is its class.
        labels: (n,), from 0 to c - 1.
        weights: (r, n), a set of weights a row.

    Returns:
        (r,); NaN for a row without weight in one of the classes.
    """
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    shares = []
    for label in range(probabilities.shape[1]):
        own = weights[:, labels == label]
        total = own.sum(axis=1)
        share = own @ right[labels == label] / np.maximum(total, 1e-300)
        shares.append(np.where(total > 0, share, np.nan))
    return np.mean(shares, axis=0)


def one_vs_rest_auc(probabilities: Values, labels: NDArray[np.integer], weights: Values) -> Values:
    """The mean over classes of the AUC of each against all others; of two classes, their AUC.

    Args:
        probabilities, labels, weights: as of `balanced_accuracy`.

    Returns:
        (r,); NaN for a row without weight in one of the classes.
    """
    classes = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    found = []
    for label in classes:
        own, scores = labels == label, probabilities[:, label]
        zeros = np.zeros(len(labels), np.int64)
        found.append(
            weighted_auc(
                scores[own],
                scores[~own],
                folds=zeros[own],
                other_folds=zeros[~own],
                weights=weights[:, own],
                other_weights=weights[:, ~own],
            )
        )
    return np.mean(found, axis=0)
