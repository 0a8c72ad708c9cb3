"""Which class a prior is asked for: numbers a sample, with one more for any class."""

from __future__ import annotations

import torch
from torch import Tensor

from scanvq.conditions.condition import Condition


def class_numbers(codes: Tensor, condition: Condition | None, classes: int) -> Tensor | None:
    """Class numbers (B,), `classes` for any class; None for an unconditional prior."""
    if classes == 0:
        return None
    if condition is None or condition.label is None:
        return torch.full((codes.shape[0],), classes, device=codes.device)
    return condition.label.to(codes.device)


def with_hidden_labels(condition: Condition, classes: int, share: float) -> Condition:
    """Turns a random share of the labels into any class, by torch's own generator of their device."""
    if condition.label is None or share == 0:
        return condition
    hidden = torch.rand(condition.label.shape, device=condition.label.device) < share
    return Condition(label=torch.where(hidden, classes, condition.label))
