"""The area under the ROC curve within folds, and its interval by bootstrap over subjects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Whole = NDArray[np.integer]
BOOTSTRAPS = 1000
LEVEL = 0.95


def auc_within_folds(positive: Scores, negative: Scores, *, folds: Whole, other_folds: Whole) -> float:
    """The share of pairs of one fold whose positive has the higher score; ties count half.

    Pairs of two folds are left out: their scores come from two classifiers and need not be comparable.

    Args:
        positive, negative: (n,) and (m,) scores of a classifier trained without the fold.
        folds, other_folds: (n,) and (m,), in which fold each was left out.

    Raises:
        ValueError: no fold has both.
    """
    ones, others = np.ones((1, len(positive))), np.ones((1, len(negative)))
    value = _weighted(positive, negative, folds, other_folds, ones, others)[0]
    if not np.isfinite(value):
        raise ValueError("no fold holds images of both sides")
    return float(value)


def auc_interval(
    positive: Scores,
    negative: Scores,
    *,
    folds: Whole,
    other_folds: Whole,
    subjects: Whole,
    other_subjects: Whole,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % percentile interval of `auc_within_folds` over subjects drawn with replacement.

    Args:
        positive, negative, folds, other_folds: as of `auc_within_folds`.
        subjects, other_subjects: (n,) and (m,); a subject of both sides is drawn for both at once.
        seed: of the draws.
    """
    names, inverse = np.unique(np.concatenate([subjects, other_subjects]), return_inverse=True)
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(names), np.full(len(names), 1 / len(names)), BOOTSTRAPS).astype(float)
    values = _weighted(
        positive,
        negative,
        folds,
        other_folds,
        counts[:, inverse[: len(positive)]],
        counts[:, inverse[len(positive) :]],
    )
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _weighted(
    positive: Scores,
    negative: Scores,
    folds: Whole,
    other_folds: Whole,
    weights: Scores,
    other_weights: Scores,
) -> Scores:
    """The AUC for every row of weights, (r, n) and (r, m); NaN for a row that leaves no pair."""
    won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for fold in np.unique(folds):
        here, there = folds == fold, other_folds == fold
        higher = positive[here, None] - negative[None, there]
        wins = (higher > 0) + 0.5 * (higher == 0)
        own, others = weights[:, here], other_weights[:, there]
        won += ((own @ wins) * others).sum(axis=1)
        pairs += own.sum(axis=1) * others.sum(axis=1)
    return np.where(pairs > 0, won / np.maximum(pairs, 1e-300), np.nan)
