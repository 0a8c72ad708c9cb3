"""Optimizers and learning-rate schedules, by name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from scanvq.settings import StageSettings


def make_optimizer(parameters: Iterable[nn.Parameter], settings: StageSettings) -> Optimizer:
    """The optimizer of one player, with one fused kernel for all parameters."""
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(
        list(parameters),
        lr=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def load_state(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """Loads the moments of an optimizer; its settings are those of the recipe.

    Args:
        optimizer: made by `make_optimizer`.
        saved: the state dict of an equal optimizer.

    Raises:
        ValueError: a moment is missing, no tensor, or of another shape than its parameter.
    """
    own = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    moments: Mapping[Any, Any] = saved["state"]
    for index, parameter in enumerate(parameters):
        if index not in moments:
            continue  # it had no gradient yet
        _check_moments(index, parameter, moments[index])
    if not set(moments) <= set(range(len(parameters))):
        raise ValueError("moments of parameters that are not there")
    optimizer.load_state_dict({"state": moments, "param_groups": own["param_groups"]})


def _check_moments(index: int, parameter: Tensor, moments: Mapping[str, Any]) -> None:
    shapes = {"step": torch.Size(), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
    if moments.keys() != shapes.keys():
        raise ValueError(f"the moments of parameter {index} are not {', '.join(shapes)}")
    for name, shape in shapes.items():
        value = moments[name]
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.shape != shape:
            raise ValueError(f"{name} of parameter {index} is no tensor of the shape {tuple(shape)}")


def learning_rate(settings: StageSettings, *, progress: float, step: int) -> float:
    """The rate of a step: linear warm-up, then constant or half a cosine down to 2 %.

    Warm-up ends after `warmup_steps`, or at `warmup_share` of training if that is earlier.

    Args:
        settings: the base rate, the schedule, `warmup_steps`, `warmup_share`.
        progress: share of training that is done, 0 to 1 (of steps, or of a time budget).
        step: number of steps done.
    """
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
    if step < settings.warmup_steps and progress < settings.warmup_share:
        warmed = (step + 1) / settings.warmup_steps
        if settings.warmup_share < 1:
            warmed = min(1.0, max(warmed, progress / settings.warmup_share))
        rate *= warmed
    return rate
