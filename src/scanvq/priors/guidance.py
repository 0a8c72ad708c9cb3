"""Classifier-free guidance: away from what the prior draws without a condition (arXiv 2207.12598)."""

from __future__ import annotations

from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.types import SamplingParams


def refuse_guidance(params: SamplingParams, kind: str) -> None:
    """Raises ValueError where guidance is asked of a prior that draws without it."""
    if params.guidance != 1:
        raise ValueError(
            f"guidance is {params.guidance}, but a {kind} prior draws without guidance; leave it at 1, or "
            "train a prior that has it, such as transformer"
        )


def check_guidance(params: SamplingParams, condition: Condition | None, space: ConditionSpace) -> None:
    """Raises ValueError where there is no condition to be guided to."""
    if params.guidance == 1:
        return
    if not space.conditions:
        raise ValueError(
            f"guidance is {params.guidance}, but this prior was trained without conditions, so there is "
            "nothing to be guided to; leave it at 1"
        )
    asked = () if condition is None else condition.names
    if not (asked if params.guided is None else params.guided):
        raise ValueError(
            f"guidance is {params.guidance}, but nothing is asked for; give one of {space}, or "
            "leave guidance at 1"
        )


def unguided(condition: Condition | None, params: SamplingParams) -> Condition | None:
    """The condition that guidance moves away from: what it moves towards is absent."""
    if condition is None or params.guided is None:
        return None
    for name in params.guided:
        condition = condition.without(name)
    return condition


def guided(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Logits moved away from the unconditional ones (equation 6, whose w is guidance - 1)."""
    return unconditional + guidance * (conditional - unconditional)
