"""Which number format and memory layout trains fastest here, by measuring a few steps."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch

from scanvq.nn.precision import Precision, candidates, take_turns
from scanvq.types import Batch, Objective


def measure(objective: Objective, batch: Batch, device: torch.device) -> dict[Precision, float]:
    """Seconds a step (forward and backward) of every candidate, on copies; the objective stays as it is."""
    steps = {one: _step_of(deepcopy(objective), batch, one, device) for one in candidates(device)}
    return take_turns(steps, device)


def _step_of(
    objective: Objective, batch: Batch, precision: Precision, device: torch.device
) -> Callable[[], None]:
    precision.lay_out(objective)
    player = next(iter(objective.players))

    def step() -> None:
        with precision.context(device):
            total = objective(batch, player, 0).total
        total.backward()

    return step
