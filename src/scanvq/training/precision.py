"""Which number format and memory layout trains fastest here, by measuring a few steps."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch

from scanvq.nn.precision import Precision, candidates, take_turns
from scanvq.training.engine import Engine
from scanvq.types import Batch, Objective


def choose_precision(
    asked: str, objective: Objective, batch: Callable[[], Batch], engine: Engine
) -> tuple[Precision, str]:
    """What all processes train in.

    Args:
        asked: fp32, bf16, or auto for the fastest of a few measured steps.
        objective: stays as it is.
        batch: gives training samples to measure with.
        engine: the processes; the slowest of them counts.

    Returns:
        The choice, and what was measured in words; "" where nothing was.
    """
    if asked == "fp32":
        return Precision(), ""
    if asked == "bf16":
        return Precision(autocast="bf16", channels_last=True), ""
    seconds = measure(objective, batch(), engine.device)
    slowest = dict(zip(seconds, engine.largest(list(seconds.values())), strict=True))
    best = min(slowest, key=lambda precision: slowest[precision])
    trials = ", ".join(f"{precision} {1000 * value:.0f} ms" for precision, value in slowest.items())
    return best, f"{best}, the fastest of a few measured steps ({trials})"


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
