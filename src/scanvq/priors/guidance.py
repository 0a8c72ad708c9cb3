"""Classifier-free guidance: away from what the prior draws without a label (arXiv 2207.12598)."""

from __future__ import annotations

from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.types import SamplingParams


def refuse_guidance(params: SamplingParams, kind: str) -> None:
    """Raises ValueError where guidance is asked of a prior that draws without it."""
    if params.guidance != 1:
        raise ValueError(
            f"guidance is {params.guidance}, but a {kind} prior draws without guidance; leave it at 1, or "
            "train a prior that has it, such as transformer"
        )


def check_guidance(params: SamplingParams, condition: Condition | None, classes: int) -> None:
    """Raises ValueError where there is no class to be guided to."""
    if params.guidance == 1:
        return
    if classes == 0:
        raise ValueError(
            f"guidance is {params.guidance}, but this prior was trained without labels, so there is no class "
            "to be guided to; leave it at 1"
        )
    if condition is None or condition.label is None:
        raise ValueError(
            f"guidance is {params.guidance}, but no label is asked for; give a label, or leave guidance at 1"
        )


def guided(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Logits moved away from the unconditional ones (equation 6, whose w is guidance - 1)."""
    return unconditional + guidance * (conditional - unconditional)
