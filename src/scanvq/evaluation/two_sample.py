"""The two-sample test: how well a fresh classifier tells created images from the reference."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.evaluation.image_set import ImageSet, Vectors
from scanvq.evaluation.metric import Estimate, Metric, Result
from scanvq.evaluation.small_network import as_input, logits_of, train_network
from scanvq.evaluation.spaces import Space
from scanvq.metrics.auc import auc_interval, auc_within_folds
from scanvq.metrics.refusal import require_images, require_subjects

FOLDS = 5
NETWORK_FOLDS = 3  # each is a training of its own
NETWORK_STEPS = (40, 120)  # of training it: as many as it has images, within these limits
Whole = NDArray[np.int64]


class TwoSampleTest(Metric):
    """AUC of classifiers trained on images of other subjects: .5 at chance, 1 for perfect separation.

    Args:
        classifier: "features" or "pca32": the mean of logistic regression and gradient boosting on that
            space's vectors; "network": a small network on the pixels.
        space: of these vectors; None for the network.
        interval, seed: as of `Metric`.
    """

    name: ClassVar[str] = "auc"

    def __init__(
        self,
        classifier: Literal["features", "pca32", "network"],
        *,
        space: Space | None = None,
        interval: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(interval=interval, seed=seed)
        if (space is None) != (classifier == "network"):
            raise ValueError(f"the classifier {classifier!r} got {'no' if space is None else 'a'} space")
        self.classifier, self.space = classifier, space

    @property
    def names(self) -> tuple[str, ...]:
        return (f"auc.{self.classifier}",)

    def _compare(self, created: ImageSet, reference: ImageSet) -> Result:
        require_images(len(created), "a two-sample test")
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
                scores[left] = _classify_vectors(vectors[~left], labels[~left], vectors[left], seed)
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


def _classify_vectors(train: Vectors, labels: NDArray[np.int_], test: Vectors, seed: int) -> Vectors:
    """The mean probability of two classifiers that see straight and bent boundaries."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    boosted = GradientBoostingClassifier(
        n_estimators=80, max_depth=3, subsample=0.7, max_features="sqrt", random_state=seed
    )
    probabilities = [model.fit(train, labels).predict_proba(test)[:, 1] for model in (linear, boosted)]
    return np.mean(probabilities, axis=0)


def _classify_images(train: torch.Tensor, labels: NDArray[np.int_], test: torch.Tensor, seed: int) -> Vectors:
    fewest, most = NETWORK_STEPS
    steps = min(most, max(fewest, len(train)))
    network = train_network(train, torch.from_numpy(labels), outputs=2, steps=steps, seed=seed)
    logits = logits_of(network, test)
    return logits[:, 1] - logits[:, 0]
