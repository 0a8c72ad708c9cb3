"""Optimizers and learning-rate schedules, by name."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn
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
