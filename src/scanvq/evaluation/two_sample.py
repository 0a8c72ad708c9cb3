"""The two-sample test: how well a fresh classifier tells created images from the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.evaluation.image_set import ImageSet, Vectors
from scanvq.evaluation.metric import Estimate, Metric, Result, Score
from scanvq.evaluation.small_network import as_input, logits_of, train_network
from scanvq.evaluation.spaces import Space
from scanvq.evaluation.vector_classifier import class_probabilities
from scanvq.metrics.auc import auc_interval, auc_within_folds
from scanvq.metrics.refusal import FEWEST_IMAGES, require_images, require_subjects

FOLDS = 5
TOLD = 0.95  # AUC for each bad reference that a classifier needs
CHANCE = (0.45, 0.55)  # AUC for real against real images that a classifier needs
NETWORK_FOLDS = 3  # each is a training of its own
NETWORK_STEPS = (40, 120)  # of training it: as many as it has images, within these limits
Whole = NDArray[np.int64]


class TwoSampleTest(Metric):
    """AUC of classifiers trained on images of other subjects: .5 at chance, 1 for perfect separation.

    Args:
        classifier: the name of a space: the mean of logistic regression and gradient boosting on its vectors;
            "network": a small network on the pixels.
        space: of these vectors; None for the network.
        fewest: images on each side, at least; fewer are refused.
        interval, seed: as of `Metric`.
    """

    name: ClassVar[str] = "auc"

    def __init__(
        self,
        classifier: str,
        *,
        space: Space | None = None,
        fewest: int = FEWEST_IMAGES,
        interval: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(interval=interval, seed=seed)
        if (space is None) != (classifier == "network"):
            raise ValueError(f"the classifier {classifier!r} got {'no' if space is None else 'a'} space")
        self.classifier, self.space, self.fewest = classifier, space, fewest

    @property
    def names(self) -> tuple[str, ...]:
        return (f"auc.{self.classifier}",)

    def _compare(self, created: ImageSet, reference: ImageSet) -> Result:
        require_images(len(created), "a two-sample test", fewest=self.fewest)
        fewest = min(len(np.unique(one.subjects)) for one in (created, reference))
        require_subjects(fewest, "a two-sample test", fewest=2)
        count = min(FOLDS if self.space else NETWORK_FOLDS, fewest)
        folds, other_folds = assign_folds(created.subjects, reference.subjects, count, seed=self.seed)
        both = np.concatenate([folds, other_folds])
        labels = np.repeat([1, 0], [len(created), len(reference)])
        if self.space is not None:
            vectors = np.concatenate([self.space.vectors(one) for one in (created, reference)])
        else:
            images = as_input(np.concatenate([created.images, reference.images]))
        scores = np.empty(len(labels))
        for fold in range(count):
            left, seed = both == fold, 1000 * self.seed + fold
            if self.space is not None:
                scores[left] = class_probabilities(vectors[~left], labels[~left], vectors[left], seed=seed)[
                    :, 1
                ]
            else:
                kept, out = torch.from_numpy(~left), torch.from_numpy(left)
                scores[left] = _classify_images(images[kept], labels[~left], images[out], seed)
        positive, negative = scores[: len(created)], scores[len(created) :]
        value = auc_within_folds(positive, negative, folds=folds, other_folds=other_folds)
        low, high = None, None
        if self.interval:
            low, high = auc_interval(
                positive,
                negative,
                folds=folds,
                other_folds=other_folds,
                subjects=created.subjects,
                other_subjects=reference.subjects,
                seed=self.seed,
            )
        return {self.names[0]: Estimate(value=value, low=low, high=high, n=len(created))}


def classifier_doubts(score: Score) -> Score:
    """The AUC of a classifier, with a note where its references say that it does not count.

    It counts if it tells every bad reference from real images (.95), and real images of other people not at
    all: the floor's interval, or the floor where it has none, lies at least partly in .45 to .55.
    """
    doubts = [
        f"{name} images are told with {value:.3f} only, below {TOLD:g}"
        for name, value in score.bad.items()
        if value is not None and value < TOLD
    ]
    low, high = score.floor_interval or (score.floor, score.floor)
    if low is not None and high is not None and (low > CHANCE[1] or high < CHANCE[0]):
        doubts.append(
            f"real images of other people give {score.floor:.3f}, not {CHANCE[0]:g} to {CHANCE[1]:g}"
        )
    if not doubts:
        return score
    note = f"this classifier does not count here: {'; '.join(doubts)}"
    earlier = score.estimate.note
    return replace(score, estimate=replace(score.estimate, note=f"{note}; {earlier}" if earlier else note))


def assign_folds(subjects: Whole, other_subjects: Whole, count: int, *, seed: int) -> tuple[Whole, Whole]:
    """The fold of every image: those of a subject in one, both sides evenly spread.

    Args:
        subjects, other_subjects: (n,) and (m,); at least `count` different ones each.
        count: of folds.
        seed: of the order of subjects.
    """
    random = np.random.default_rng(seed)
    sizes = np.zeros((2, count))
    fold: dict[int, int] = {}
    names, images = np.unique(np.concatenate([subjects, other_subjects]), return_counts=True)
    shuffled = random.permutation(len(names))
    for place in shuffled[np.argsort(-images[shuffled], kind="stable")]:
        name = int(names[place])
        own = np.array([(subjects == name).sum(), (other_subjects == name).sum()])
        fold[name] = int(np.argmin((sizes * (own > 0)[:, None]).sum(axis=0)))
        sizes[:, fold[name]] += own
    return (
        np.array([fold[int(name)] for name in subjects]),
        np.array([fold[int(name)] for name in other_subjects]),
    )


def _classify_images(train: torch.Tensor, labels: NDArray[np.int_], test: torch.Tensor, seed: int) -> Vectors:
    fewest, most = NETWORK_STEPS
    steps = min(most, max(fewest, len(train)))
    network = train_network(train, torch.from_numpy(labels), outputs=2, steps=steps, seed=seed)
    logits = logits_of(network, test)
    return logits[:, 1] - logits[:, 0]
