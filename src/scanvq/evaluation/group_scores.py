"""The three comparisons within each group of a condition: long tails fail first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scanvq.evaluation.band_errors import band_errors
from scanvq.evaluation.comparison_metrics import two_sample_test
from scanvq.evaluation.condition_groups import ConditionGroup
from scanvq.evaluation.distances import FrechetDistance
from scanvq.evaluation.image_set import ImageSet, draw
from scanvq.evaluation.metric import Metric
from scanvq.evaluation.references import FLOORS, measure_references
from scanvq.evaluation.sample_scores import Comparison, compare, sides_of
from scanvq.evaluation.sources import Reconstruct, reconstructions_of
from scanvq.evaluation.spaces import Space
from scanvq.evaluation.split_images import SplitImages
from scanvq.metrics.refusal import Refusal, TooFewImages, require_subjects

FEWEST = 10  # images of a group on each side
FEWEST_SUBJECTS = 4  # as the extrapolation of the Frechet distance needs
CLASSIFIED = 30  # images of a group on each side from which a classifier is trained
MOST = 200  # images of a group on each side


def group_metrics(spaces: Sequence[Space], *, interval: bool = True, seed: int = 0) -> list[Metric]:
    """The scores of a group: a two-sample test on hand-made features, and the Frechet distance."""
    features = next(space for space in spaces if space.name == "features")
    return [
        two_sample_test(features, interval=interval, seed=seed, fewest=CLASSIFIED),
        FrechetDistance(spaces, interval=interval, seed=seed),
    ]


def score_group(
    group: ConditionGroup,
    created: ImageSet,
    reals: SplitImages,
    own: SplitImages,
    reconstruct: Reconstruct,
    spaces: Callable[[], tuple[Space, ...]],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Compares the created images of a group with held-out images of the same group, equally many.

    The floor is that of the group: its training images against the held-out ones. Bad references are not
    measured again.

    Args:
        group: which images.
        created: all created images.
        reals, own: held-out and training images.
        reconstruct: reconstructs the held-out images, by the decoder of the created ones.
        spaces: as of `score_samples`; the network's is not used.
        seed: of draws and classifiers.

    Returns:
        {"n", "samples_vs_reals": {"n", "auc", "frechet"}, ...}, or {"n", "refused"} for a group that is too
        small.
    """
    members = group.members(created.conditions)
    held_out, training = (group.members(part.conditions) for part in (reals, own))
    count = min(len(members), len(held_out), len(training), MOST)
    try:
        if count < FEWEST:
            raise TooFewImages(
                f"scores of {group} need at least {FEWEST} images of each kind; there are {len(members)} "
                f"created, {len(held_out)} held-out, {len(training)} training images"
            )
        for part, indices, whose in ((reals, held_out, "held-out"), (own, training, "training")):
            people = len(np.unique(part.subjects[indices]))
            require_subjects(people, f"comparing {group} with {whose} images", fewest=FEWEST_SUBJECTS)
    except Refusal as refusal:
        return {"n": count, "refused": refusal.reason}
    random = np.random.default_rng(seed)
    chosen = created.take(np.sort(random.choice(members, count, replace=False)))
    compared = reals.read(held_out[draw(reals.subjects[held_out], count, random)], "held-out reals")
    people = len(np.unique(compared.subjects))
    floors = [
        own.read(training[draw(own.subjects[training], count, random, people=people)], "training reals")
        for _ in range(FLOORS)
    ]
    fitted = tuple(space for space in spaces() if space.name != "network")
    references = measure_references(
        compared, floors, fitted, degradations={}, metrics=group_metrics, seed=seed
    )
    scores: dict[str, Any] = {"n": count}
    for name, (one, two) in sides_of(chosen, reconstructions_of(compared, reconstruct), compared).items():
        found = compare(one, two, fitted, references, metrics=group_metrics, seed=seed)
        if name == "reconstructions_vs_reals":
            found |= band_errors(one, two, seed=seed)
        scores[name] = Comparison(n=count, scores=found).to_dict()
    return scores
