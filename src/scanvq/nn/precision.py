"""Number format and memory layout of a computation, and which computes fastest here."""

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
    """How a network computes. Quantizers and losses stay in fp32 whatever is chosen here.

    Attributes:
        autocast: "fp32", or "bf16" where PyTorch's autocast says so.
        channels_last: whether weights and images are laid out channels last.
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
    """The settings worth a trial on a device."""
    has_bf16 = device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_bf16_supported())
    return tuple(candidate for candidate in CANDIDATES if candidate.autocast == "fp32" or has_bf16)


def time_interleaved(
    work: Mapping[Precision, Callable[[], object]],
    device: torch.device,
    *,
    largest: Callable[[list[float]], list[float]] = list,
) -> dict[Precision, float]:
    """Seconds of each candidate's work.

    The candidates run alternately, and the best of each candidate's turns counts: other load on the machine
    then affects all of them. The first turn allocates and chooses kernels; it counts only where it took so
    long that no other follows. `largest` gives the largest of all processes' numbers, where their work
    waits for each other's: all of them then take as many turns.
    """
    begun = time.monotonic()
    turns = [_turn(work, device)]
    while len(turns) <= TURNS and largest([time.monotonic() - begun])[0] < PATIENCE:
        turns.append(_turn(work, device))
    return {candidate: min(turn[candidate] for turn in turns[1:] or turns) for candidate in work}


def _turn(work: Mapping[Precision, Callable[[], object]], device: torch.device) -> dict[Precision, float]:
    return {candidate: timed(step, device) for candidate, step in work.items()}


def timed(step: Callable[[], object], device: torch.device) -> float:
    """Seconds until a device is done with a step."""
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
