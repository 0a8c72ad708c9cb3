"""Groups of test images: each value of a condition, and the position of the slice in its volume."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.condition_sources import POSITION
from scanvq.conditions.space import CategoryCondition
from scanvq.evaluation.intervals import Values, distributions
from scanvq.store.run_data import RunData
from scanvq.store.slice_conditions import slice_positions

BINS = 5  # of a number, equally wide
ABSENT = "not recorded"
Groups = dict[str, dict[str, NDArray[np.bool_]]]


def groups_of(data: RunData, split: str) -> Groups:
    """{condition: {group: mask (n,)}} of the images of a split; groups without images are left out.

    A category has a group for each value. A number has five bins of equal width over the range of the
    training set, and one on each side of it; the position of a slice, which is there for all volumes, five
    bins from 0 to 1. A condition that no image has is left out.

    Args:
        data: of a run, or another folder's.
        split: of its images.
    """
    rows = data.rows(split)
    found: Groups = {}
    values = data.conditions.of(rows)
    for condition in data.conditions.space.conditions:
        if isinstance(condition, CategoryCondition):
            found[condition.name] = _categories(values[condition.name], condition.values)
        elif condition.name != POSITION:
            found[condition.name] = number_groups(values[condition.name], condition.low, condition.high)
    found[POSITION] = number_groups(slice_positions(data.store)[rows], 0.0, 1.0)
    return {name: groups for name, groups in found.items() if groups and list(groups) != [ABSENT]}


def number_groups(values: NDArray[Any], low: float, high: float) -> dict[str, NDArray[np.bool_]]:
    """Masks (n,) of the values in each of five bins from `low` to `high`, below, above, and absent (NaN)."""
    edges = np.linspace(low, high, BINS + 1)
    names = [f"{first:.4g} to {last:.4g}" for first, last in pairwise(edges)]
    slack = 1e-6 * max(abs(low), abs(high), high - low)  # values were stored as float32
    inside = (values >= low - slack) & (values <= high + slack)
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    masks = {f"below {low:.4g}": values < low - slack}
    masks |= {name: inside & (bins == number) for number, name in enumerate(names)}
    masks |= {f"above {high:.4g}": values > high + slack, ABSENT: np.isnan(values)}
    return {name: mask for name, mask in masks.items() if mask.any()}


def group_scores(
    scores: Mapping[str, Values], groups: Groups, subjects: NDArray[np.integer]
) -> dict[str, dict[str, Any]]:
    """{condition: {group: {"n", "subjects", score: its distribution}}}, the form of metrics.json.

    Args:
        scores: by name, (n,) each.
        groups: those of `groups_of`.
        subjects: (n,), whose image it is.
    """
    return {
        name: {
            group: {
                "n": int(mask.sum()),
                "subjects": len(np.unique(subjects[mask])),
                **distributions({score: own[mask] for score, own in scores.items()}, subjects[mask]),
            }
            for group, mask in masks.items()
        }
        for name, masks in groups.items()
    }


def _categories(values: NDArray[Any], names: tuple[str, ...]) -> dict[str, NDArray[np.bool_]]:
    masks = {name: values == number for number, name in enumerate(names)}
    masks[ABSENT] = values == len(names)
    return {name: mask for name, mask in masks.items() if mask.any()}
