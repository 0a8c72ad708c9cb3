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
    value = weighted_auc(
        positive, negative, folds=folds, other_folds=other_folds, weights=ones, other_weights=others
    )[0]
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
    counts = subject_weights(np.concatenate([subjects, other_subjects]), seed=seed)
    values = weighted_auc(
        positive,
        negative,
        folds=folds,
        other_folds=other_folds,
        weights=counts[:, : len(positive)],
        other_weights=counts[:, len(positive) :],
    )
    return percentile_interval(values)


def subject_weights(subjects: Whole, *, seed: int = 0) -> Scores:
    """How often each image (n,) counts in 1,000 draws of its subjects with replacement, (1000, n)."""
    names, inverse = np.unique(subjects, return_inverse=True)
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(names), np.full(len(names), 1 / len(names)), BOOTSTRAPS)
    return counts.astype(np.float64)[:, inverse]


def percentile_interval(values: Scores) -> tuple[float, float]:
    """The middle 95 % of the values of bootstrap draws; those that are NaN are left out."""
    low, high = np.quantile(values[np.isfinite(values)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def weighted_auc(
    positive: Scores,
    negative: Scores,
    *,
    folds: Whole,
    other_folds: Whole,
    weights: Scores,
    other_weights: Scores,
) -> Scores:
    """The AUC within folds for every row of weights, (r, n) and (r, m); NaN for a row that leaves no pair.

    Args:
        positive, negative, folds, other_folds: as of `auc_within_folds`.
        weights, other_weights: of the images of either side.
    """
    won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for fold in np.unique(folds):
        here, there = folds == fold, other_folds == fold
        higher = positive[here, None] - negative[None, there]
        wins = (higher > 0) + 0.5 * (higher == 0)
        own, others = weights[:, here], other_weights[:, there]
        won += ((own @ wins) * others).sum(axis=1)
        pairs += own.sum(axis=1) * others.sum(axis=1)
    return np.where(pairs > 0, won / np.maximum(pairs, 1e-300), np.nan)
