"""The numbers of a stage as training went on, and where they are shown while it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Record = dict[str, Any]
"""step, epoch, seconds, split ("train" or "validation"), and name -> value."""


class Watcher(Protocol):
    """Someone who looks on: a progress bar, TensorBoard, W&B."""

    def begin(self, stage: str) -> None: ...

    def step(self, progress: float, seconds_left: float, values: Mapping[str, float]) -> None: ...

    def record(self, stage: str, record: Record) -> None: ...

    def pictures(self, stage: str, step: int, images: NDArray[np.float32]) -> None: ...

    def say(self, message: str) -> None: ...

    def end(self, stage: str) -> None: ...


class Watchers:
    """Several watchers as one; without any, training is silent."""

    def __init__(self, watchers: Sequence[Watcher] = ()) -> None:
        self._watchers = list(watchers)

    def begin(self, stage: str) -> None:
        for watcher in self._watchers:
            watcher.begin(stage)

    def step(self, progress: float, seconds_left: float, values: Mapping[str, float]) -> None:
        for watcher in self._watchers:
            watcher.step(progress, seconds_left, values)

    def record(self, stage: str, record: Record) -> None:
        for watcher in self._watchers:
            watcher.record(stage, record)

    def pictures(self, stage: str, step: int, images: NDArray[np.float32]) -> None:
        for watcher in self._watchers:
            watcher.pictures(stage, step, images)

    def say(self, message: str) -> None:
        for watcher in self._watchers:
            watcher.say(message)

    def end(self, stage: str) -> None:
        for watcher in self._watchers:
            watcher.end(stage)


class RunningMean:
    """The mean of every named loss since it was last taken; nothing leaves the device before."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._steps = 0

    def add(self, parts: Mapping[str, Tensor]) -> None:
        for name, value in parts.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value.clone()
        self._steps += 1

    def take(self) -> dict[str, float]:
        values = torch.stack([value.float() for value in self._sums.values()]) / max(1, self._steps)
        means = dict(zip(self._sums, values.tolist(), strict=True))
        self._sums, self._steps = {}, 0
        return means

    @property
    def steps(self) -> int:
        return self._steps
