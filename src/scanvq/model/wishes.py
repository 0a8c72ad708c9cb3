"""What samples are asked to be: wishes by name, and the conditions that nobody asks for."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from scanvq.conditions.condition import Condition
from scanvq.conditions.joint_distribution import JointDistribution

Wishes = Mapping[str, str | float]
"""Values by name, such as {"age": 70, "label": "AD"}."""

_STREAM = 0x51B54A32D192ED03  # so that no level of codes is drawn from the same numbers


def all_wishes(condition: Wishes | None, label: str | None) -> dict[str, str | float]:
    """The wishes with the label, which has an argument of its own.

    Raises:
        ValueError: two different labels.
    """
    wishes = dict(condition or {})
    if label is not None and wishes.setdefault("label", label) != label:
        raise ValueError(f"label is {label!r}, but the condition label is {wishes['label']!r}; give one")
    return wishes


def draw_condition(joint: JointDistribution, count: int, wishes: Wishes, *, seed: int) -> Condition:
    """The conditions of `count` samples: as wished for, and all others from the joint distribution.

    Args:
        joint: of the training set.
        count: B.
        wishes: the same for all samples; the others are drawn given these.
        seed: the conditions of sample i depend on it and on i alone.

    Raises:
        ValueError: a condition or a value that the run does not know; it says what is known.
    """
    generator = torch.Generator().manual_seed((seed + _STREAM) % 2**63)
    return joint.sample(count, generator, wishes=joint.space.values(wishes))
