"""How long a stage trains: a number of steps or of seconds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

LONGEST = 10 * 365 * 86400.0  # seconds
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, kw_only=True)
class TrainingLimit:
    """When a stage ends, by steps or by seconds; exactly one of both is given.

    Attributes:
        steps: optimizer steps.
        seconds: of training, including the time before a resume.
    """

    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.seconds is None):
            raise ValueError("a limit is either a number of steps or a number of seconds")

    def progress(self, step: int, elapsed: float) -> float:
        """The share of training that is done, 0 to 1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        assert self.seconds is not None
        return min(1.0, elapsed / self.seconds)

    def left(self, elapsed: float) -> float:
        """Seconds that are left; infinite with a limit of steps."""
        return math.inf if self.seconds is None else max(0.0, self.seconds - elapsed)

    def reached(self, step: int, elapsed: float) -> bool:
        return self.progress(step, elapsed) >= 1.0


def parse_duration(text: str) -> float:
    """Seconds of a duration such as 90s, 10m, 1.5h, 2d or 1h30m. Raises ValueError for anything else."""
    parts = re.fullmatch(r"(?:\d+(?:\.\d+)?[smhd])+", text.strip().lower())
    seconds = sum(
        float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)([smhd])", text.lower())
    )
    if parts is None or seconds <= 0:
        raise ValueError(f"{text!r} is not a duration; write for example 90s, 10m, 1.5h or 1h30m")
    if seconds > LONGEST:
        raise ValueError(f"{text!r} is longer than ten years; write for example 90s, 10m, 1.5h or 1h30m")
    return seconds
