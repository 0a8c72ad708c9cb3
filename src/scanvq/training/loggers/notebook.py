"""Training in a notebook: one line a stage below the cell, with progress, losses and time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from scanvq.notebook.display import ChangingText
from scanvq.training.history import Record
from scanvq.training.loggers.counting import counted
from scanvq.training.loggers.terminal import duration, shown_values

SECONDS = 0.5  # between two texts
WIDTH = 24  # characters of the bar


class NotebookLogger:
    """A line of text for each stage and for every other long task, replaced as it goes on.

    Args:
        seconds: between two texts, at least.
    """

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._text = ChangingText()
        self._stage = self._line = ""
        self._started_at = self._shown_at = 0.0

    def begin(self, stage: str) -> None:
        self._text, self._stage = ChangingText(), stage
        self._started_at, self._shown_at = time.monotonic(), -1.0
        self._line = ""

    def step(self, progress: float, seconds_left: float, values: Mapping[str, float]) -> None:
        done = round(min(progress, 1.0) * WIDTH)
        bar = "█" * done + "░" * (WIDTH - done)
        left = duration(seconds_left)
        self._line = f"{self._stage:<10} {bar} {progress:4.0%} {left:>6} left  {shown_values(values)}"
        if time.monotonic() - self._shown_at >= self._seconds:
            self._show()

    def count(self, done: int, total: int) -> None:
        """Progress of counted work, between `begin` and `end`."""
        elapsed = time.monotonic() - self._started_at
        self.step(done / max(1, total), elapsed / max(1, done) * (total - done), {})

    def record(self, stage: str, record: Record) -> None:
        pass

    def pictures(self, stage: str, step: int, images: NDArray[np.float32]) -> None:
        pass

    def info(self, message: str) -> None:
        print(message)

    def end(self, stage: str) -> None:
        if self._line:
            self._show()

    def _show(self) -> None:
        self._text.set(self._line)
        self._shown_at = time.monotonic()


def notebook_progress(name: str) -> Callable[[int, int], None]:
    """A line for counted work; it appears at the first call and ends when all is done."""
    return counted(NotebookLogger(), name)
