"""Chooses the fastest number format and memory format for training, by measuring a few steps."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch

from scanvq.nn.precision import Precision, candidates, time_interleaved, timed
from scanvq.training.engine import Engine
from scanvq.types import Batch, Objective

TRIAL_SECONDS = 2.0  # of a trial step, about: a slower batch is measured in part
_MIN_SAMPLES = 2  # samples of a trial; batch normalization may need two


def choose_precision(
    requested: str, objective: Objective, batch: Callable[[], Batch], engine: Engine
) -> tuple[Precision, str]:
    """The precision in which all processes train.

    Args:
        requested: fp32, bf16, or auto for the fastest of a few measured steps.
        objective: not changed.
        batch: returns training samples to measure with.
        engine: the processes; the slowest of them counts.

    Returns:
        The precision, and a message with the measured times; "" if nothing was measured.
    """
    if requested == "fp32":
        return Precision(), ""
    if requested == "bf16":
        return Precision(autocast="bf16", channels_last=True), ""
    seconds = measure(objective, batch(), engine.device, largest=engine.largest)
    slowest = dict(zip(seconds, engine.largest(list(seconds.values())), strict=True))
    best = min(slowest, key=lambda precision: slowest[precision])
    trials = ", ".join(f"{precision} {1000 * value:.0f} ms" for precision, value in slowest.items())
    return best, f"{best}, the fastest of a few measured steps ({trials})"


def measure(
    objective: Objective,
    batch: Batch,
    device: torch.device,
    *,
    largest: Callable[[list[float]], list[float]] = list,
) -> dict[Precision, float]:
    """Seconds per step (forward and backward) of every candidate, on copies of the objective.

    Of a slow batch only the first samples are measured. `largest` is that of `time_interleaved`: processes
    wait for each other in every step, so all must take the same number of steps.
    """
    trial = _first(batch, _affordable(objective, batch, device))
    steps = {
        precision: _step_of(deepcopy(objective), trial, precision, device) for precision in candidates(device)
    }
    return time_interleaved(steps, device, largest=largest)


def _affordable(objective: Objective, batch: Batch, device: torch.device) -> int:
    """The number of samples for a step of TRIAL_SECONDS in fp32."""
    step = _step_of(deepcopy(objective), _first(batch, _MIN_SAMPLES), Precision(), device)
    timed(step, device)  # warm-up: allocates and chooses kernels
    return max(_MIN_SAMPLES, int(_MIN_SAMPLES * TRIAL_SECONDS / timed(step, device)))


def _first(batch: Batch, count: int) -> Batch:
    return Batch(
        images=None if batch.images is None else batch.images[:count],
        codes=None if batch.codes is None else tuple(level[:count] for level in batch.codes),
        condition=batch.condition[:count],
    )


def _step_of(
    objective: Objective, batch: Batch, precision: Precision, device: torch.device
) -> Callable[[], None]:
    precision.apply_memory_format(objective)
    player = next(iter(objective.players))

    def step() -> None:
        with precision.context(device):
            total = objective(batch, player, 0).total
        total.backward()

    return step
