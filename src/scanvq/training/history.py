"""The training history of a stage, and the loggers that show it during training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.metrics.code_usage import perplexity, used
from scanvq.storage.run_directory import RunDirectory
from scanvq.types import Losses

Record = dict[str, Any]
"""step, epoch, seconds, split ("train" or "validation"), and name -> value."""


class Logger(Protocol):
    """Shows training while it runs, such as a progress bar, TensorBoard or W&B."""

    def begin(self, stage: str) -> None: ...

    def step(self, progress: float, seconds_left: float, values: Mapping[str, float]) -> None: ...

    def record(self, stage: str, record: Record) -> None: ...

    def pictures(self, stage: str, step: int, images: NDArray[np.float32]) -> None: ...

    def info(self, message: str) -> None: ...

    def end(self, stage: str) -> None: ...


class Loggers:
    """Calls each of several loggers; without any, nothing is shown."""

    def __init__(self, loggers: Sequence[Logger] = ()) -> None:
        self._loggers = list(loggers)

    def begin(self, stage: str) -> None:
        for logger in self._loggers:
            logger.begin(stage)

    def step(self, progress: float, seconds_left: float, values: Mapping[str, float]) -> None:
        for logger in self._loggers:
            logger.step(progress, seconds_left, values)

    def record(self, stage: str, record: Record) -> None:
        for logger in self._loggers:
            logger.record(stage, record)

    def pictures(self, stage: str, step: int, images: NDArray[np.float32]) -> None:
        for logger in self._loggers:
            logger.pictures(stage, step, images)

    def info(self, message: str) -> None:
        for logger in self._loggers:
            logger.info(message)

    def end(self, stage: str) -> None:
        for logger in self._loggers:
            logger.end(stage)


def run_records(run: RunDirectory) -> list[Record]:
    """The records of all stages of a run, each with the name of its `stage`."""
    stages = (("tokenizer", run.tokenizer), ("prior", run.prior), ("decoder", run.decoder))
    return [
        {"stage": name, **record}
        for name, stage in stages
        if stage.history.is_file()
        for record in run.read(stage.history)["history"]
    ]


class Averages:
    """Means of the losses and the use of codes, over the steps of all players since the last `take`.

    Nothing leaves the device before `take`.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._weights: dict[str, float] = {}  # by name: each player adds only the names of its losses
        self._counts: tuple[Tensor, ...] = ()

    def add(self, losses: Losses, *, weight: float = 1.0) -> None:
        """Adds losses with `weight`; with 0 only their names count."""
        for name, value in losses.parts.items():
            self._sums[name] = self._sums.get(name, 0) + value * weight
            self._weights[name] = self._weights.get(name, 0.0) + weight
        counts = tuple(level * (weight > 0) for level in losses.counts)
        self._counts = tuple(map(torch.add, self._counts, counts)) if self._counts else counts

    def take(self, over_processes: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """Returns the averages since the last call, and resets them.

        Args:
            over_processes: sums a tensor over the processes; all of them must have added the same names.
        """
        sums = torch.stack([*self._sums.values()])
        numbers = torch.cat([sums, sums.new_tensor([*self._weights.values()])])
        exact = torch.float32 if numbers.device.type == "mps" else torch.float64
        levels = [level.to(exact) for level in self._counts]
        flat = over_processes(torch.cat([numbers.to(exact), *levels])).cpu()
        numbers, *levels = flat.split([len(numbers), *(len(level) for level in levels)])
        means = numbers[: len(sums)] / numbers[len(sums) :]
        values = dict(zip(self._sums, means.tolist(), strict=True))
        for number, counts in enumerate(levels):
            suffix = f"_{number}" if len(levels) > 1 else ""
            values[f"perplexity{suffix}"] = perplexity(counts)
            values[f"codes_used{suffix}"] = float(used(counts))
        self._sums, self._weights, self._counts = {}, {}, ()
        return values
