"""A classifier of vectors of features that is fitted in a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]


def class_probabilities(train: Vectors, labels: NDArray[np.integer], test: Vectors, *, seed: int) -> Vectors:
    """The mean probabilities of two classifiers, which see straight and bent boundaries.

    Logistic regression on standardized features, and gradient boosting.

    Args:
        train: (n, p).
        labels: (n,), from 0 to c - 1, each at least once.
        test: (m, p).
        seed: of the boosting.

    Returns:
        (m, c).
    """
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    boosted = GradientBoostingClassifier(
        n_estimators=80, max_depth=3, subsample=0.7, max_features="sqrt", random_state=seed
    )
    probabilities: list[Vectors] = [
        model.fit(train, labels).predict_proba(test) for model in (linear, boosted)
    ]
    return np.mean(probabilities, axis=0)
