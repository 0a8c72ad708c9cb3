"""Conditions made absent at random, so that a prior can be sampled with any of them left out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace


def drop_conditions(
    condition: Condition, space: ConditionSpace, share: float, generator: torch.Generator | None = None
) -> Condition:
    """Makes a random share of the values absent, of each condition by itself (arXiv 2207.12598, 3.2).

    Args:
        condition: of a batch; names that the space does not have pass as they are.
        space: the conditions.
        share: of the samples, 0 to 1.
        generator: of the values' device; None is torch's own.
    """
    named = {**condition.categories, **condition.numbers}
    given = [named[name] for name in space.names if name in named]
    if not given or share == 0:
        return condition
    shape = (len(given), len(given[0]))
    uniform = torch.rand(shape, device=given[0].device, generator=generator)
    return hide_conditions(condition, space, uniform < share)


def hide_conditions(condition: Condition, space: ConditionSpace, hidden: Tensor) -> Condition:
    """Makes chosen values absent.

    Args:
        condition: of a batch; names that the space does not have pass as they are.
        space: the conditions.
        hidden: (named conditions, B) bool, in the order of the space.
    """
    categories, numbers = dict(condition.categories), dict(condition.numbers)
    absent = {one.name: one.absent for one in space.categories}
    given = [name for name in space.names if name in condition.names]
    for name, own in zip(given, hidden, strict=True):
        if name in absent:
            categories[name] = torch.where(own, absent[name], categories[name])
        else:
            numbers[name] = torch.where(own, math.nan, numbers[name])
    return Condition(categories=categories, numbers=numbers)
