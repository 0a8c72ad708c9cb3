"""Scores of created images by condition: within each group, and of classifiers trained on them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from scanvq.evaluation.condition_groups import condition_groups
from scanvq.evaluation.created_images import CreatedImages
from scanvq.evaluation.group_scores import score_group
from scanvq.evaluation.sample_scores import counted
from scanvq.evaluation.sources import Reconstruct, as_image_set
from scanvq.evaluation.spaces import Space
from scanvq.evaluation.split_images import SplitImages
from scanvq.evaluation.stored_sample_scores import Place
from scanvq.evaluation.train_on_samples import score_training
from scanvq.model.model import Model
from scanvq.types import Progress


def score_conditions(
    model: Model,
    created: CreatedImages,
    reals: SplitImages,
    own: SplitImages,
    reconstruct: Reconstruct,
    spaces: Callable[[], tuple[Space, ...]],
    *,
    done: Collection[Place],
    keep: Callable[[Place, dict[str, Any]], None],
    progress: Progress,
    seed: int = 0,
) -> None:
    """Computes every group of every condition of the model, and the trainings on samples.

    Args:
        model: its conditions are used.
        created: to be scored.
        reals, own: held-out and training images.
        reconstruct: reconstructs held-out images, by the decoder of the created ones.
        spaces: fits the spaces of features, or gives them; not called where nothing is left to compute.
        done: places that need not be computed.
        keep: called with place and scores of a piece: ("groups", CONDITION, GROUP) or ("train_on_samples",
            CONDITION).
        progress: called with pieces done and all.
        seed: of draws and classifiers.
    """
    made = as_image_set(created)
    space = model.conditions
    todo: dict[Place, Callable[[], dict[str, Any]]] = {}
    for group in condition_groups(space):
        todo["groups", group.condition, group.name] = partial(
            score_group, group, made, reals, own, reconstruct, spaces, seed=seed
        )
    for condition in space.categories:
        todo["train_on_samples", condition.name] = partial(
            score_training, condition, made, reals, own, spaces, seed=seed
        )
    left = {place: compute for place, compute in todo.items() if place not in done}
    advance = counted(progress, len(left))
    for place, compute in left.items():
        keep(place, compute())
        advance()
