"""Classifier-free guidance (arXiv 2207.12598)."""

from __future__ import annotations

from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.types import SamplingParams


def refuse_guidance(params: SamplingParams, kind: str) -> None:
    """Raises ValueError if guidance is on, for a kind of prior that does not support it."""
    if params.guidance != 1:
        raise ValueError(
            f"guidance is {params.guidance}, but a {kind} prior does not support guidance; set it to 1, or "
            "train a prior that supports it, such as transformer"
        )


def check_guidance(params: SamplingParams, condition: Condition | None, space: ConditionSpace) -> None:
    """Raises ValueError if guidance is on without conditions."""
    if params.guidance == 1:
        return
    if not space.conditions:
        raise ValueError(
            f"guidance is {params.guidance}, but this prior was trained without conditions, which guidance "
            "needs; set it to 1"
        )
    named = () if condition is None else condition.names
    if not (named if params.guided is None else params.guided):
        raise ValueError(
            f"guidance is {params.guidance}, but no condition is requested; request one of {space}, or "
            "set guidance to 1"
        )


def unguided(condition: Condition | None, params: SamplingParams) -> Condition | None:
    """The condition of the unconditional logits: guided conditions are absent."""
    if condition is None or params.guided is None:
        return None
    for name in params.guided:
        condition = condition.without(name)
    return condition


def guided(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Guided logits (equation 6, with w = guidance - 1)."""
    return unconditional + guidance * (conditional - unconditional)
