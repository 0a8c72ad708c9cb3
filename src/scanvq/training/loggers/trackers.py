"""Training in TensorBoard and W&B, through the trackers of Accelerate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker, TensorBoardTracker, WandBTracker
from numpy.typing import NDArray

from scanvq.training.history import Record

TRACKERS = ("tensorboard", "wandb")


class TrackerLogger:
    """Sends every record and picture to TensorBoard (files under `logs`) and, if named, to W&B.

    Args:
        accelerator: of the run; only the main process writes.
        names: some of `TRACKERS`.
        logs: the folder for the files of the trackers.
        run_name: name of the run there.

    Raises:
        ValueError: an unknown tracker, or one that is not installed.
    """

    def __init__(self, accelerator: Accelerator, names: Sequence[str], *, logs: Path, run_name: str) -> None:
        self._trackers: list[GeneralTracker] = []
        for name in names:
            if name == "tensorboard":
                self._trackers.append(TensorBoardTracker(run_name, logging_dir=logs))
            elif name == "wandb":
                self._trackers.append(_wandb(run_name, logs))
            else:
                raise ValueError(f"there is no tracker {name!r}; use {' or '.join(TRACKERS)}")
        for tracker in self._trackers:
            tracker.start()
        accelerator.trackers = self._trackers

    def begin(self, stage: str) -> None:
        pass

    def step(self, progress: float, seconds_left: float, values: Mapping[str, float]) -> None:
        pass

    def record(self, stage: str, record: Record) -> None:
        numbers = {k: v for k, v in record.items() if k not in ("step", "split")}
        values: dict[str, Any] = {
            f"{stage}/{record['split']}/{name}": value for name, value in numbers.items()
        }
        for tracker in self._trackers:
            if isinstance(tracker, WandBTracker):  # W&B steps must grow, but every stage begins at 0
                tracker.log({**values, f"{stage}/step": record["step"]})
            else:
                tracker.log(values, step=record["step"])

    def pictures(self, stage: str, step: int, images: NDArray[np.float32]) -> None:
        name = f"{stage}/pictures"
        for tracker in self._trackers:
            if isinstance(tracker, TensorBoardTracker):
                tracker.log_images({name: np.clip(images, 0, 1)[..., None]}, step=step, dataformats="NHWC")
            elif isinstance(tracker, WandBTracker):
                tracker.log_images({name: [np.clip(image, 0, 1) for image in images]})

    def info(self, message: str) -> None:
        pass

    def end(self, stage: str) -> None:
        pass

    def close(self) -> None:
        for tracker in self._trackers:
            tracker.finish()


def _wandb(run_name: str, logs: Path) -> WandBTracker:
    if find_spec("wandb") is None:
        raise ValueError('--log wandb needs W&B: pip install "scanvq[wandb]"')
    logs.mkdir(parents=True, exist_ok=True)
    return WandBTracker("scanvq", name=run_name, dir=str(logs))
