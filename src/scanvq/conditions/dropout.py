"""Condition dropout: random values become absent, so that a prior can be sampled without any of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace


def drop_conditions(
    condition: Condition, space: ConditionSpace, share: float, generator: torch.Generator | None = None
) -> Condition:
    """Makes a random share of the values absent, independently for each condition (arXiv 2207.12598, 3.2).

    Args:
        condition: of a batch; conditions that are not in `space` are returned unchanged.
        space: the conditions to drop.
        share: of the samples, 0 to 1.
        generator: on the device of the values; None = PyTorch's default generator.
    """
    named = {**condition.categories, **condition.numbers}
    given = [named[name] for name in space.names if name in named]
    if not given or share == 0:
        return condition
    shape = (len(given), len(given[0]))
    uniform = torch.rand(shape, device=given[0].device, generator=generator)
    return hide_conditions(condition, space, uniform < share)


def hide_conditions(condition: Condition, space: ConditionSpace, hidden: Tensor) -> Condition:
    """Makes selected values absent.

    Args:
        condition: of a batch; conditions that are not in `space` are returned unchanged.
        space: the conditions to hide.
        hidden: (conditions of the batch, B) bool, in the order of the space.
    """
    categories, numbers = dict(condition.categories), dict(condition.numbers)
    absent = {category.name: category.absent for category in space.categories}
    given = [name for name in space.names if name in condition.names]
    for name, mask in zip(given, hidden, strict=True):
        if name in absent:
            categories[name] = torch.where(mask, absent[name], categories[name])
        else:
            numbers[name] = torch.where(mask, math.nan, numbers[name])
    return Condition(categories=categories, numbers=numbers)
