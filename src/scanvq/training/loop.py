"""The training loop: computes the losses of each player of the objective and steps its optimizer."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from scanvq.nn.precision import Precision
from scanvq.storage.files import write_json
from scanvq.storage.resume import fitting_state, read_resume, save_resume
from scanvq.storage.run_directory import RunError
from scanvq.training.batch_sampler import DeterministicBatchSampler
from scanvq.training.engine import Engine
from scanvq.training.forecast import MEASURED_STEPS, expected_steps, in_words
from scanvq.training.history import Averages, Loggers
from scanvq.training.interrupt import Interrupted, StopRequest
from scanvq.training.monitoring_schedule import MonitoringSchedule
from scanvq.training.optimizers import learning_rate, load_state, make_optimizer
from scanvq.training.precision import choose_precision
from scanvq.training.progress_pictures import ProgressPictures
from scanvq.training.stage import SavedStage, Stage, TrainingState


def train(stage: Stage, engine: Engine, loggers: Loggers, stop_request: StopRequest) -> TrainingState:
    """Trains a stage to its limit, from the last save if there is one.

    Raises:
        Interrupted: a stop was requested; the state is saved.
        FloatingPointError: a loss or a weight is not finite; the last save stays valid.
    """
    sampler = DeterministicBatchSampler(
        samples=len(stage.dataset),
        batch_size=stage.settings.batch_size,
        seed=stage.seed,
        rank=engine.rank,
        processes=engine.processes,
    )
    saved = read_resume(stage.directory.resume, SavedStage)
    if saved and saved.depends_on != stage.depends_on:
        loggers.info(f"{stage.name}: restarts, because the data or weights it depends on have changed")
        saved = None
    state = saved.state if saved else TrainingState()
    if saved and state.finished and stage.limit.reached(state.step, state.elapsed):
        return state
    state.finished = False
    state.validated_at = min(state.validated_at, stage.limit.progress(state.step, state.elapsed))
    stage.objective.to(engine.device)
    if saved:
        with fitting_state(stage.directory.resume):
            stage.objective.load_state_dict(saved.objective)
        precision = saved.precision
    else:
        started_at = time.monotonic()
        precision, message = choose_precision(
            stage.settings.precision,
            stage.objective,
            lambda: stage.dataset.batch(sampler.indices(0), sampler.augmentation_uniforms(0), engine.device),
            engine,
        )
        if message:
            loggers.info(f"{stage.name}: {message}")
        longest = math.inf if stage.limit.seconds is None else stage.limit.seconds / 2
        state.elapsed += min(time.monotonic() - started_at, longest)  # counts in the budget
    precision.apply_memory_format(stage.objective)
    optimizers = {
        player: make_optimizer(parameters, stage.settings)
        for player, parameters in stage.objective.players.items()
    }
    if saved:
        with fitting_state(stage.directory.resume):
            for player, optimizer in optimizers.items():
                load_state(optimizer, saved.optimizers[player])
            if stage.callback is not None:
                stage.callback.load_state_dict(saved.callback)
    _TrainingLoop(stage, engine, loggers, sampler, precision, optimizers, state).run(stop_request)
    return state


class _TrainingLoop:
    def __init__(
        self,
        stage: Stage,
        engine: Engine,
        loggers: Loggers,
        sampler: DeterministicBatchSampler,
        precision: Precision,
        optimizers: dict[str, Optimizer],
        state: TrainingState,
    ) -> None:
        self.stage, self.engine, self.loggers, self.sampler = stage, engine, loggers, sampler
        self.precision, self.optimizers, self.state = precision, optimizers, state
        self.objective = engine.parallel(stage.objective)
        self.schedule = MonitoringSchedule(limit=stage.limit, steps_per_epoch=sampler.steps_per_epoch)
        self.averages = Averages()
        self.progress = ProgressPictures(stage.directory.progress)
        self.began_in_run = stage.run_exists()
        self.forecast_is_told = False

    def run(self, stop_request: StopRequest) -> None:
        state, limit = self.state, self.stage.limit
        before, started_at = state.elapsed, time.monotonic()
        saved_at, began = state.elapsed, state.step
        self.loggers.begin(self.stage.name)
        self.objective.train()
        stop = False
        try:
            while not stop and not limit.reached(state.step, state.elapsed):
                self._step()
                elapsed, stopping = self.engine.largest(
                    [before + time.monotonic() - started_at, float(stop_request.made)]
                )
                state.elapsed, stop = elapsed, stopping > 0
                self._tell_forecast(began, state.elapsed - before)
                self._require_run()
                self._record_losses()
                if self.schedule.validation_is_due(
                    state.step,
                    state.elapsed,
                    validated_at=state.validated_at,
                    validation_seconds=state.validation_seconds,
                ):
                    self._validate()
                self._show()  # after the validation, so that the last values shown are the newest
                if state.elapsed - saved_at >= self.stage.settings.save_every or stop:
                    self._save()
                    saved_at = state.elapsed
            if not stop:
                self._finish()
        finally:
            self.loggers.end(self.stage.name)
        if stop:
            raise Interrupted(f"the {self.stage.name} is saved at step {state.step}")

    def _tell_forecast(self, began: int, seconds: float) -> None:
        """Says once what the time that is left can give, as soon as the time of a step is known."""
        state, limit = self.state, self.stage.limit
        over = limit.reached(state.step, state.elapsed)
        if self.forecast_is_told or (state.step - began < MEASURED_STEPS and not over):
            return
        self.forecast_is_told = True
        steps = limit.steps
        if steps is None:
            left = limit.left(state.elapsed)
            steps = expected_steps(state.step, began=began, seconds=seconds, left=left)
        if words := in_words(self.stage.name, steps):
            self.loggers.info(f"{self.stage.name}: {words}")

    def _step(self) -> None:
        step = self.state.step
        torch.manual_seed(_step_seed(self.stage.seed, step, self.engine.rank))
        indices, augmentation_uniforms = self.sampler.indices(step), self.sampler.augmentation_uniforms(step)
        batch = self.stage.dataset.batch(indices, augmentation_uniforms, self.engine.device)
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

    def _record_losses(self) -> None:
        state = self.state
        if self.schedule.record_is_due(state.step, state.elapsed):
            values = self.averages.take(self.engine.sum)
            self._check_finite([name for name, value in values.items() if not math.isfinite(value)])
            state.shown.update(values)
            self._record("train", values)

    def _show(self) -> None:
        state = self.state
        done = self.stage.limit.progress(state.step, state.elapsed)
        left = (1 - done) / done * state.elapsed if done > 0 else math.inf
        self.loggers.step(done, left, state.shown)

    def _validate(self) -> None:
        state, stage = self.state, self.stage
        state.validated_at = stage.limit.progress(state.step, state.elapsed)
        started_at = time.monotonic()
        self.objective.eval()
        with torch.no_grad(), self.precision.context(self.engine.device):
            values = stage.validate()
            if stage.callback is not None:
                values |= stage.callback.after_validation(values, final=state.validated_at >= 1)
            self._check_finite([name for name, value in values.items() if not math.isfinite(value)])
            pictures = stage.pictures() if self.engine.is_main else None
        self.objective.train()
        self._require_run()
        (state.validation_seconds,) = self.engine.largest([time.monotonic() - started_at])
        self._record("validation", values)
        state.shown.update({f"val_{name}": value for name, value in values.items()})
        if pictures is not None:
            self.loggers.pictures(stage.name, state.step, pictures)
            self.progress.add(state.step, pictures)
        value = self._criterion(values)
        if state.best is None or value > state.best:
            state.best = value
            if self.engine.is_main:
                stage.save(stage.directory.best)

    def _require_run(self) -> None:
        if self.engine.is_main and self.began_in_run and not self.stage.run_exists():
            raise RunError(f"the run directory was removed while the {self.stage.name} was trained")

    def _criterion(self, values: dict[str, float]) -> float:
        if self.stage.criterion is None:
            return float(self.state.step)
        return values[self.stage.criterion] * (1 if self.stage.larger_is_better else -1)

    def _record(self, split: str, values: dict[str, float]) -> None:
        record = {
            "step": self.state.step,
            "epoch": self.state.step / self.sampler.steps_per_epoch,
            "seconds": round(self.state.elapsed, 3),
            "split": split,
            **values,
        }
        self.state.history.append(record)
        self.loggers.record(self.stage.name, record)

    def _finish(self) -> None:
        if self.state.validated_at < 1 or self.state.best is None:
            self._validate()
            self._show()
        if self.engine.is_main:
            self.stage.save(self.stage.directory.last)
        self.state.finished = True
        self._save()

    def _check_finite(self, not_finite: list[str]) -> None:
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
        self._check_finite([name for name, value in values.items() if not torch.isfinite(value).all()])
        callback = {} if self.stage.callback is None else {"callback": self.stage.callback.state_dict()}
        self.state.peak_memory_mb = max(self.state.peak_memory_mb, self.engine.peak_memory_mb())
        if self.engine.is_main:
            write_json(self.stage.directory.history, vars(self.state))
            save_resume(
                self.stage.directory.resume,
                {
                    "depends_on": self.stage.depends_on,
                    "state": vars(self.state),
                    "precision": vars(self.precision),
                    "objective": values,
                    "optimizers": {
                        player: optimizer.state_dict() for player, optimizer in self.optimizers.items()
                    },
                    **callback,
                },
            )
        self.engine.wait()


def _parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)
