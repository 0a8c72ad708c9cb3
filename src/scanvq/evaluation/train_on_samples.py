"""Train on samples, test on reals: what a classifier of a condition learns from created images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.conditions.space import CategoryCondition
from scanvq.evaluation.image_set import ImageSet, draw
from scanvq.evaluation.spaces import Space
from scanvq.evaluation.split_images import SplitImages
from scanvq.evaluation.vector_classifier import class_probabilities
from scanvq.metrics.auc import percentile_interval, subject_weights
from scanvq.metrics.classification import balanced_accuracy, one_vs_rest_auc
from scanvq.metrics.refusal import NoVariation, Refusal, TooFewImages, require_subjects

Whole = NDArray[np.int64]
SPACES = ("features", "pca32")
SCORES = {"balanced_accuracy": balanced_accuracy, "auc": one_vs_rest_auc}
FEWEST = 10  # training images of a value
FEWEST_SUBJECTS = 4  # held-out subjects of a value
MOST = 400  # training images, and test images


def score_training(
    condition: CategoryCondition,
    created: ImageSet,
    reals: SplitImages,
    own: SplitImages,
    spaces: Callable[[], tuple[Space, ...]],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Trains classifiers of a condition on created and on training images, and tests both on held-out images.

    Both are trained on equally many images of each value, and tested on the same held-out images.

    Args:
        condition: a category.
        created: all created images.
        reals, own: held-out and training images.
        spaces: as of `score_samples`; hand-made features and 32x32 images are used.
        seed: of draws and classifiers.

    Returns:
        {"n", "n_test", "chance", "balanced_accuracy": {space: {"samples", "reals", "difference"}}, "auc"},
        each with value and 95 % interval over held-out subjects; or {"n", "refused"}.
    """
    counts = np.zeros(0, np.int64)
    try:
        counts = _counts(condition, created, own)
        tested = _tested(condition, reals, seed)
    except Refusal as refusal:
        return {"n": int(counts.sum()), "refused": refusal.reason}
    random = np.random.default_rng(seed)
    made, known = (part.conditions[condition.name] for part in (created, own))
    synthetic = created.take(_of_each_value(created.subjects, made, counts, random))
    training = own.read(_of_each_value(own.subjects, known, counts, random), "training reals")
    test = reals.read(tested, "held-out reals")
    weights = np.concatenate([np.ones((1, len(test))), subject_weights(test.subjects, seed=seed)])
    scores: dict[str, dict[str, Any]] = {name: {} for name in SCORES}
    for space in spaces():
        if space.name not in SPACES:
            continue
        values = {
            source: _scores_of(condition.name, space, images, test, weights, seed)
            for source, images in (("samples", synthetic), ("reals", training))
        }
        for name, found in scores.items():
            of_samples, of_reals = values["samples"][name], values["reals"][name]
            found[space.name] = {
                "samples": _number(of_samples),
                "reals": _number(of_reals),
                "difference": _number(of_samples - of_reals),
            }
    chance = {"balanced_accuracy": 1 / len(condition.values), "auc": 0.5}
    return {"n": int(counts.sum()), "n_test": len(test), "chance": chance, **scores}


def _counts(condition: CategoryCondition, created: ImageSet, own: SplitImages) -> Whole:
    """How many images of each value both trainings get."""
    values = len(condition.values)
    if values < 2:
        raise NoVariation(f"{condition.name} has one value alone: there is nothing to classify")
    there = np.array(
        [
            [(part.get(condition.name, np.empty(0)) == value).sum() for value in range(values)]
            for part in (created.conditions, own.conditions)
        ]
    )
    counts = np.minimum(there.min(axis=0), MOST // values)
    least = int(counts.argmin())
    if counts[least] < FEWEST:
        raise TooFewImages(
            f"training on samples needs at least {FEWEST} images of each {condition.name}; of "
            f"{condition.values[least]} there are {there[0, least]} created and {there[1, least]} training "
            "images"
        )
    return counts


def _tested(condition: CategoryCondition, reals: SplitImages, seed: int) -> Whole:
    """Indices of the held-out images that are classified."""
    labels = reals.conditions.get(condition.name, np.full(len(reals), condition.absent))
    counts = np.bincount(labels, minlength=len(condition.values))[: len(condition.values)]
    for value, name in enumerate(condition.values):
        people = len(np.unique(reals.subjects[labels == value]))
        require_subjects(people, f"a test of {condition.name} {name}", fewest=FEWEST_SUBJECTS)
    most = np.minimum(counts, MOST // len(condition.values))
    return _of_each_value(reals.subjects, labels, most, np.random.default_rng([seed, 1]))


def _of_each_value(subjects: Whole, labels: Whole, counts: Whole, random: np.random.Generator) -> Whole:
    """Indices of `counts` images of every value."""
    chosen = []
    for value, count in enumerate(counts):
        own = np.flatnonzero(labels == value)
        chosen.append(own[draw(subjects[own], int(count), random)])
    return np.sort(np.concatenate(chosen))


def _scores_of(
    condition: str,
    space: Space,
    training: ImageSet,
    test: ImageSet,
    weights: NDArray[np.float64],
    seed: int,
) -> Mapping[str, NDArray[np.float64]]:
    """Every score for all test images, and for each bootstrap draw of their subjects: (1 + draws,)."""
    probabilities = class_probabilities(
        space.vectors(training), training.conditions[condition], space.vectors(test), seed=seed
    )
    labels = test.conditions[condition]
    return {name: score(probabilities, labels, weights) for name, score in SCORES.items()}


def _number(values: NDArray[np.float64]) -> dict[str, float]:
    low, high = percentile_interval(values[1:])
    return {"value": float(values[0]), "low": low, "high": high}
