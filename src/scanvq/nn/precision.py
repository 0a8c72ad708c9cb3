"""Precision and memory format of a computation, and measurement of the fastest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

TURNS = 3
PATIENCE = 10.0  # seconds after which no further turn begins


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Precision and memory format of a network. Quantizers and losses are always in fp32.

    Attributes:
        autocast: "fp32", or "bf16" for PyTorch's autocast to bfloat16.
        channels_last: whether weights and images are in the channels-last memory format.
    """

    autocast: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = False

    def context(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=self.autocast == "bf16")

    def apply_memory_format(self, network: nn.Module) -> None:
        if self.channels_last:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stub

    def __str__(self) -> str:
        return f"{self.autocast}{' channels_last' if self.channels_last else ''}"


CANDIDATES = (
    Precision(),
    Precision(channels_last=True),
    Precision(autocast="bf16", channels_last=True),
)


def candidates(device: torch.device) -> tuple[Precision, ...]:
    """The settings to measure on a device."""
    has_bf16 = device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_bf16_supported())
    return tuple(candidate for candidate in CANDIDATES if candidate.autocast == "fp32" or has_bf16)


def time_interleaved(
    work: Mapping[Precision, Callable[[], object]],
    device: torch.device,
    *,
    largest: Callable[[list[float]], list[float]] = list,
) -> dict[Precision, float]:
    """Seconds of each candidate's work.

    The candidates run alternately, so that other load on the machine affects all of them, and the minimum
    over turns is used. The first turn is a warm-up (memory allocation, kernel selection); it is used only
    if it took so long that no other turn follows. `largest` returns the maximum over all processes, so that
    processes that wait for each other run the same number of turns.
    """
    started = time.monotonic()
    turns = [_turn(work, device)]
    while len(turns) <= TURNS and largest([time.monotonic() - started])[0] < PATIENCE:
        turns.append(_turn(work, device))
    return {candidate: min(turn[candidate] for turn in turns[1:] or turns) for candidate in work}


def _turn(work: Mapping[Precision, Callable[[], object]], device: torch.device) -> dict[Precision, float]:
    return {candidate: timed(step, device) for candidate, step in work.items()}


def timed(step: Callable[[], object], device: torch.device) -> float:
    """Seconds of a step, including the work of the device."""
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
