"""Requested condition values of samples, and sampling of the conditions that are not requested."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from scanvq.conditions.condition import Condition
from scanvq.conditions.joint_distribution import JointDistribution
from scanvq.model.array_checks import check_draws

RequestedValues = Mapping[str, str | float]
"""Values by name, such as {"age": 70, "label": "AD"}."""

_STREAM = 0x51B54A32D192ED03  # a random stream separate from those of the code levels


def with_label(condition: RequestedValues | None, label: str | None) -> dict[str, str | float]:
    """Requested values by name, with the argument `label` added as the condition of this name.

    Raises:
        ValueError: two different labels.
    """
    requested = dict(condition or {})
    if label is not None and requested.setdefault("label", label) != label:
        raise ValueError(
            f"label is {label!r}, but the condition label is {requested['label']!r}; give only one of them"
        )
    return requested


def sample_condition(
    joint: JointDistribution, count: int, requested: RequestedValues, *, seed: int
) -> Condition:
    """Conditions of `count` samples: requested values, and all others sampled from the joint distribution.

    Args:
        joint: of the training set.
        count: B.
        requested: the same values for all samples; the other conditions are sampled given these.
        seed: the conditions of sample i depend on the seed and on i alone.

    Raises:
        ValueError: a condition or a value that was not trained; the message lists those that were.
    """
    check_draws(count, seed)
    generator = torch.Generator().manual_seed((seed + _STREAM) % 2**63)
    return joint.sample(count, generator, requested=joint.space.values(requested))
