"""A stage of training: what the loop needs of it, and the state that it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.nn.precision import Precision
from scanvq.settings import StageSettings
from scanvq.storage.run_directory import StageDirectory
from scanvq.training.history import Record
from scanvq.training.training_limit import TrainingLimit
from scanvq.types import Batch, Losses, Objective


class TrainingDataset(Protocol):
    """Training samples, in batches by index."""

    def __len__(self) -> int: ...

    def batch(
        self, indices: NDArray[np.int64], augmentation_uniforms: NDArray[np.float64], device: torch.device
    ) -> Batch: ...


class TrainingCallback(Protocol):
    """Called after each step and each validation; may change settings of the part in training."""

    def after_step(self, losses: Losses) -> None: ...

    def after_validation(self, values: Mapping[str, float], *, final: bool) -> dict[str, float]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training: everything that the loop needs.

    Attributes:
        name: "tokenizer", "prior" or "decoder".
        objective: the losses; holds the part in training.
        dataset: the training samples.
        settings: optimizer, batch size, precision.
        limit: when training ends.
        seed: of batches, augmentation and every random number of a step.
        directory: for resume state and weights.
        depends_on: id of what the stage is trained on (the prepared data, the tokenizer); a saved state with
            another id is not resumed.
        validate: returns the values of the validation split, on every process.
        criterion: the validation value that selects the best weights; None = the latest weights.
        larger_is_better: whether a larger criterion is better.
        save: writes the weights of the part in training to a path.
        pictures: returns images (n, H, W) in [0, 1] that show the state of training, or None.
        callback: called after steps and validations; its state is saved with that of the stage.
    """

    name: str
    objective: Objective
    dataset: TrainingDataset
    settings: StageSettings
    limit: TrainingLimit
    seed: int
    directory: StageDirectory
    depends_on: str
    validate: Callable[[], dict[str, float]]
    criterion: str | None
    larger_is_better: bool
    save: Callable[[Path], None]
    pictures: Callable[[], NDArray[np.float32] | None]
    callback: TrainingCallback | None = None

    def run_exists(self) -> bool:
        """Whether the folder of the stage's run is still there."""
        return self.directory.path.parent.is_dir()


@dataclass
class TrainingState:
    """The progress of a stage; kept in the resume state."""

    step: int = 0
    elapsed: float = 0.0
    images: int = 0
    best: float | None = None
    validated_at: float = 0.0  # progress at the last validation
    validation_seconds: float = 0.0  # of the last validation
    peak_memory_mb: float = 0.0
    finished: bool = False
    history: list[Record] = field(default_factory=list)
    shown: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SavedStage:
    """What resume.pt holds.

    Attributes:
        depends_on: that of the stage.
        state: the progress.
        precision: of the training.
        objective: weights by name.
        optimizers: the state of each player's optimizer.
        callback: the state of the stage's callback; {} without one.
    """

    depends_on: str
    state: TrainingState
    precision: Precision
    objective: dict[str, Any]
    optimizers: dict[str, dict[str, Any]]
    callback: dict[str, Any] = field(default_factory=dict)
