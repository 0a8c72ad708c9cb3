"""Training in a terminal: a progress bar with losses and time left, or plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from scanvq.training.history import Record

LINE_SECONDS = 15.0  # between lines if the output is not a terminal
SHOWN = (
    "loss",
    "reconstruction",
    "ssim",
    "val_ssim",
    "codes_used",
    "bits_per_code",
    "val_bits_per_code",
    "bits_per_masked_code",
    "val_bits_per_masked_code",
    "discriminator_loss",
    "generator_loss",
)


class TerminalLogger:
    """A progress bar for each stage and for every other long task.

    Args:
        console: for the output; plain lines if it is not a terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._stage = ""
        self._started_at = self._line_at = 0.0

    def begin(self, stage: str) -> None:
        self._stage = stage
        self._started_at = self._line_at = time.monotonic()
        if self.console.is_terminal:
            self._progress = Progress(
                TextColumn("[bold]{task.description:<10}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f}% {task.fields[left]:>9} {task.fields[values]}"),
                console=self.console,
            )
            self._progress.start()
            self._task = self._progress.add_task(stage, total=1.0, left="", values="")

    def step(self, progress: float, seconds_left: float, values: Mapping[str, float]) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(
                self._task,
                completed=progress,
                left=f"{duration(seconds_left)} left",
                values=shown_values(values),
            )
        elif time.monotonic() - self._line_at >= LINE_SECONDS:
            self._line_at = time.monotonic()
            left = duration(seconds_left)
            self.console.print(
                f"{self._stage} {progress:4.0%}, {left} left: {shown_values(values)}",
                highlight=False,
                soft_wrap=True,
            )

    def count(self, done: int, total: int) -> None:
        """Progress of counted work, between `begin` and `end`."""
        elapsed = time.monotonic() - self._started_at
        self.step(done / max(1, total), elapsed / max(1, done) * (total - done), {})

    def record(self, stage: str, record: Record) -> None:
        pass

    def pictures(self, stage: str, step: int, images: NDArray[np.float32]) -> None:
        pass

    def info(self, message: str) -> None:
        self.console.print(message, highlight=False, soft_wrap=True)

    def end(self, stage: str) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._task = None, None


def duration(seconds: float) -> str:
    """Seconds as text: 45s, 3m20s, 2h05m."""
    if seconds == float("inf"):
        return "?"
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded}s"
    if rounded < 3600:
        return f"{rounded // 60}m{rounded % 60:02d}s"
    return f"{rounded // 3600}h{rounded % 3600 // 60:02d}m"


def shown_values(values: Mapping[str, float]) -> str:
    """The values that a line of progress shows."""
    return "  ".join(f"{name.replace('_', ' ')} {values[name]:.4g}" for name in SHOWN if name in values)
