"""The one training loop: it asks the objective for each player's losses and steps that player."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer

from scanvq.nn.precision import Precision
from scanvq.settings import StageSettings
from scanvq.storage.files import write_json
from scanvq.storage.resume import read_resume, save_resume
from scanvq.storage.run_directory import StageDirectory
from scanvq.training.batch_sampler import DeterministicBatchSampler
from scanvq.training.engine import Engine
from scanvq.training.history import Averages, Loggers, Record
from scanvq.training.interrupt import Interrupted, StopRequest
from scanvq.training.monitoring_schedule import MonitoringSchedule
from scanvq.training.optimizers import learning_rate, make_optimizer
from scanvq.training.precision import choose_precision
from scanvq.training.progress_pictures import ProgressPictures
from scanvq.training.training_limit import TrainingLimit
from scanvq.types import Batch, Losses, Objective


class BatchSource(Protocol):
    """Where training samples come from."""

    def __len__(self) -> int: ...

    def batch(
        self, indices: NDArray[np.int64], augmentation_uniforms: NDArray[np.float64], device: torch.device
    ) -> Batch: ...


class TrainingCallback(Protocol):
    """Looks after what is in training: sees each step, and may change settings after a validation."""

    def after_step(self, losses: Losses) -> None: ...

    def after_validation(self, values: Mapping[str, float], *, over: bool) -> dict[str, float]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training and everything the loop needs to know of it.

    Attributes:
        name: "tokenizer" or "prior".
        objective: what is minimized; holds the part in training.
        source: the training samples.
        settings: optimizer, batch size, precision.
        limit: where training ends.
        seed: of the order, the augmentation and every random number of a step.
        directory: where resume state and weights go.
        context: what the stage stands on (the prepared data, the tokenizer); a saved state from
            another one is not resumed.
        validate: the values of the validation split, on every process.
        criterion: the validated value that decides which weights are best; None = the latest are.
        larger_is_better: of the criterion.
        save: writes the weights of the part in training to a path.
        pictures: images (n, H, W) in [0, 1] that show where training stands, or None.
        callback: looks after the part in training; its state is saved with the rest.
    """

    name: str
    objective: Objective
    source: BatchSource
    settings: StageSettings
    limit: TrainingLimit
    seed: int
    directory: StageDirectory
    context: str
    validate: Callable[[], dict[str, float]]
    criterion: str | None
    larger_is_better: bool
    save: Callable[[Any], None]
    pictures: Callable[[], NDArray[np.float32] | None]
    callback: TrainingCallback | None = None


@dataclass
class State:
    """Where training stands; kept in the resume state."""

    step: int = 0
    elapsed: float = 0.0
    images: int = 0
    best: float | None = None
    validated_at: float = 0.0  # progress at the last validation
    validation_seconds: float = 0.0  # how long that took
    peak_memory_mb: float = 0.0
    finished: bool = False
    history: list[Record] = field(default_factory=list)
    shown: dict[str, float] = field(default_factory=dict)


def train(stage: Stage, engine: Engine, loggers: Loggers, request: StopRequest) -> State:
    """Trains a stage from its beginning or its last save to its limit.

    Raises:
        Interrupted: a stop was asked for; the state is saved.
        FloatingPointError: the loss is no longer finite; the last save stands.
    """
    order = DeterministicBatchSampler(
        samples=len(stage.source),
        batch_size=stage.settings.batch_size,
        seed=stage.seed,
        rank=engine.rank,
        processes=engine.processes,
    )
    saved = read_resume(stage.directory.resume)
    if saved and saved["context"] != stage.context:
        loggers.info(f"{stage.name}: begins anew, because what it stands on has changed")
        saved = None
    state = State(**saved["state"]) if saved else State()
    if saved and state.finished and stage.limit.reached(state.step, state.elapsed):
        return state
    state.finished = False
    state.validated_at = min(state.validated_at, stage.limit.progress(state.step, state.elapsed))
    stage.objective.to(engine.device)
    if saved:
        stage.objective.load_state_dict(saved["objective"])
        precision = Precision(**saved["precision"])
    else:
        begun = time.monotonic()
        precision, reported = choose_precision(
            stage.settings.precision,
            stage.objective,
            lambda: stage.source.batch(order.indices(0), order.augmentation_uniforms(0), engine.device),
            engine,
        )
        if reported:
            loggers.info(f"{stage.name}: {reported}")
        most = math.inf if stage.limit.seconds is None else stage.limit.seconds / 2
        state.elapsed += min(time.monotonic() - begun, most)  # a budget pays for the choice, too
    precision.apply_memory_format(stage.objective)
    optimizers = {
        player: make_optimizer(parameters, stage.settings)
        for player, parameters in stage.objective.players.items()
    }
    if saved:
        for player, optimizer in optimizers.items():
            optimizer.load_state_dict(saved["optimizers"][player])
        if stage.callback is not None:
            stage.callback.load_state_dict(saved["callback"])
    _Loop(stage, engine, loggers, order, precision, optimizers, state).run(request)
    return state


class _Loop:
    def __init__(
        self,
        stage: Stage,
        engine: Engine,
        loggers: Loggers,
        order: DeterministicBatchSampler,
        precision: Precision,
        optimizers: dict[str, Optimizer],
        state: State,
    ) -> None:
        self.stage, self.engine, self.loggers, self.order = stage, engine, loggers, order
        self.precision, self.optimizers, self.state = precision, optimizers, state
        self.objective = engine.parallel(stage.objective)
        self.schedule = MonitoringSchedule(limit=stage.limit, steps_per_epoch=order.steps_per_epoch)
        self.averages = Averages()
        self.progress = ProgressPictures(stage.directory.progress)

    def run(self, request: StopRequest) -> None:
        state, limit = self.state, self.stage.limit
        before, start = state.elapsed, time.monotonic()
        saved_at = state.elapsed
        self.loggers.begin(self.stage.name)
        self.objective.train()
        stop = False
        try:
            while not stop and not limit.reached(state.step, state.elapsed):
                self._step()
                elapsed, asked = self.engine.largest([before + time.monotonic() - start, float(request.made)])
                state.elapsed, stop = elapsed, asked > 0
                self._show()
                if self.schedule.validation_is_due(
                    state.step,
                    state.elapsed,
                    validated_at=state.validated_at,
                    validation_seconds=state.validation_seconds,
                ):
                    self._validate()
                if state.elapsed - saved_at >= self.stage.settings.save_every or stop:
                    self._save()
                    saved_at = state.elapsed
            if not stop:
                self._finish()
        finally:
            self.loggers.end(self.stage.name)
        if stop:
            raise Interrupted(f"the {self.stage.name} is saved at step {state.step}")

    def _step(self) -> None:
        step = self.state.step
        torch.manual_seed(_step_seed(self.stage.seed, step, self.engine.rank))
        indices, augmentation_uniforms = self.order.indices(step), self.order.augmentation_uniforms(step)
        batch = self.stage.source.batch(indices, augmentation_uniforms, self.engine.device)
        rate = learning_rate(
            self.stage.settings,
            progress=self.stage.limit.progress(step, self.state.elapsed),
            step=step,
        )
        for player, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rate
            self.objective.zero_grad(set_to_none=True)
            with self.precision.context(self.engine.device):
                losses = self.objective(batch, player, step)
            self.engine.accelerator.backward(losses.total)
            if self.stage.settings.clip_norm:
                nn.utils.clip_grad_norm_(_parameters(optimizer), self.stage.settings.clip_norm)
            optimizer.step()
            self.averages.add(losses)
            if self.stage.callback is not None:
                self.stage.callback.after_step(losses)
        self.state.step += 1
        self.state.images += len(indices) * self.engine.processes

    def _show(self) -> None:
        state = self.state
        done = self.stage.limit.progress(state.step, state.elapsed)
        if self.schedule.record_is_due(state.step, state.elapsed):
            values = self.averages.take(self.engine.sum)
            self._check([name for name, value in values.items() if not math.isfinite(value)])
            state.shown.update(values)
            self._record("train", values)
        left = (1 - done) / done * state.elapsed if done > 0 else math.inf
        self.loggers.step(done, left, state.shown)

    def _validate(self) -> None:
        state, stage = self.state, self.stage
        state.validated_at = stage.limit.progress(state.step, state.elapsed)
        start = time.monotonic()
        self.objective.eval()
        with torch.no_grad(), self.precision.context(self.engine.device):
            values = stage.validate()
            if stage.callback is not None:
                values |= stage.callback.after_validation(values, over=state.validated_at >= 1)
            self._check([name for name, value in values.items() if not math.isfinite(value)])
            pictures = stage.pictures() if self.engine.is_main else None
        self.objective.train()
        (state.validation_seconds,) = self.engine.largest([time.monotonic() - start])
        self._record("validation", values)
        state.shown.update({f"val_{name}": value for name, value in values.items()})
        if pictures is not None:
            self.loggers.pictures(stage.name, state.step, pictures)
            self.progress.add(state.step, pictures)
        value = self._merit(values)
        if state.best is None or value > state.best:
            state.best = value
            if self.engine.is_main:
                stage.save(stage.directory.best)

    def _merit(self, values: dict[str, float]) -> float:
        if self.stage.criterion is None:
            return float(self.state.step)
        return values[self.stage.criterion] * (1 if self.stage.larger_is_better else -1)

    def _record(self, split: str, values: dict[str, float]) -> None:
        record = {
            "step": self.state.step,
            "epoch": self.state.step / self.order.steps_per_epoch,
            "seconds": round(self.state.elapsed, 3),
            "split": split,
            **values,
        }
        self.state.history.append(record)
        self.loggers.record(self.stage.name, record)

    def _finish(self) -> None:
        if self.state.validated_at < 1 or self.state.best is None:
            self._validate()
        if self.engine.is_main:
            self.stage.save(self.stage.directory.last)
        self.state.finished = True
        self._save()

    def _check(self, not_finite: list[str]) -> None:
        if not_finite:
            more = f" and {len(not_finite) - 3} more" if len(not_finite) > 3 else ""
            raise FloatingPointError(
                f"training the {self.stage.name} diverged at step {self.state.step} "
                f"({', '.join(not_finite[:3])}{more} not finite); "
                f"try --set training.{self.stage.name}.learning_rate="
                f"{self.stage.settings.learning_rate / 3:.2g}"
            )

    def _save(self) -> None:
        values = self.stage.objective.state_dict()
        self._check([name for name, value in values.items() if not torch.isfinite(value).all()])
        callback = {} if self.stage.callback is None else {"callback": self.stage.callback.state_dict()}
        self.state.peak_memory_mb = max(self.state.peak_memory_mb, self.engine.peak_memory_mb())
        if self.engine.is_main:
            write_json(self.stage.directory.history, vars(self.state))
            save_resume(
                self.stage.directory.resume,
                {
                    "context": self.stage.context,
                    "state": vars(self.state),
                    "precision": vars(self.precision),
                    "objective": values,
                    "optimizers": {player: one.state_dict() for player, one in self.optimizers.items()},
                    **callback,
                },
            )
        self.engine.wait()


def _parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)
