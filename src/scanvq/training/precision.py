"""Which number format and memory layout trains fastest here, by measuring a few steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import torch

from scanvq.types import Batch, Objective

TURNS = 3


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How a step computes. Quantizers and losses stay in fp32 whatever is chosen here.

    Attributes:
        autocast: "fp32", or "bf16" where PyTorch's autocast says so.
        channels_last: whether weights and images are laid out channels last.
    """

    autocast: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = False

    def context(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=self.autocast == "bf16")

    def lay_out(self, objective: Objective) -> None:
        if self.channels_last:
            objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __str__(self) -> str:
        return f"{self.autocast}{' channels_last' if self.channels_last else ''}"


CANDIDATES = (
    Precision(),
    Precision(channels_last=True),
    Precision(autocast="bf16", channels_last=True),
)


def measure(objective: Objective, batch: Batch, device: torch.device) -> dict[Precision, float]:
    """Seconds a step (forward and backward) of every candidate, on copies; the objective stays as it is.

    The candidates take turns, and the best of each one's turns counts: other work on the machine then
    falls on all of them.
    """
    candidates = [c for c in CANDIDATES if c.autocast == "fp32" or _has_bf16(device)]
    steps = {candidate: _step_of(deepcopy(objective), batch, candidate, device) for candidate in candidates}
    for step in steps.values():
        step()  # the first step allocates and chooses kernels
    turns = [{candidate: _timed(step, device) for candidate, step in steps.items()} for _ in range(TURNS)]
    return {candidate: min(turn[candidate] for turn in turns) for candidate in candidates}


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


def _timed(step: Callable[[], None], device: torch.device) -> float:
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def _has_bf16(device: torch.device) -> bool:
    return device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_bf16_supported())
