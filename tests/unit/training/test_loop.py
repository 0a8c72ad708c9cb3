"""The loop: any number of players, bit-identical after stop and resume, the best weights kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from scanvq.build import TABLES
from scanvq.settings import StageSettings
from scanvq.spec import complete
from scanvq.storage.run_directory import RunError, StageDirectory
from scanvq.training.batch_sampler import DeterministicBatchSampler
from scanvq.training.engine import Engine
from scanvq.training.history import Loggers
from scanvq.training.interrupt import Interrupted, StopRequest
from scanvq.training.loop import train
from scanvq.training.monitoring_schedule import VALIDATIONS
from scanvq.training.stage import Stage, TrainingState
from scanvq.training.training_limit import TrainingLimit
from scanvq.types import Batch, Losses, Objective

SAMPLES, BATCH = 23, 4  # five steps an epoch
CPU = torch.device("cpu")


class TwoPlayers(Objective):
    """Two players and a random number in every forward pass."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(3, 2), nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)
        self.calls: list[tuple[str, int]] = []

    @property
    def players(self) -> Mapping[str, Iterable[nn.Parameter]]:
        return {
            "first": [*self.first.parameters(), *self.norm.parameters()],
            "second": self.second.parameters(),
        }

    def forward(self, batch: Batch, player: str, step: int) -> Losses:
        assert batch.images is not None
        self.calls.append((player, step))
        made, judged = self.norm(self.first(batch.images)), self.second(batch.images)
        other = judged.detach() if player == "first" else made.detach()
        mine = made if player == "first" else judged
        total = (mine - other + torch.rand(())).square().mean()
        return Losses(total=total, parts={"loss": total.detach()})


class Numbers:
    def __init__(self) -> None:
        self.values = torch.randn(SAMPLES, 3, generator=torch.Generator().manual_seed(1))
        self.served = 0

    def __len__(self) -> int:
        return SAMPLES

    def batch(
        self, indices: NDArray[np.int64], augmentation_uniforms: NDArray[np.float64], device: torch.device
    ) -> Batch:
        self.served += 1
        return Batch(images=self.values[torch.from_numpy(indices)] + float(augmentation_uniforms[0]))


class RecordingLogger:
    """Keeps all messages, and requests a stop after some steps."""

    def __init__(self, stop_request: StopRequest | None = None, stop_after: int = -1) -> None:
        self.stop_request, self.stop_after = stop_request, stop_after
        self.steps, self.messages, self.shown = 0, [""], {}

    def begin(self, stage: str) -> None: ...

    def step(self, progress: float, seconds_left: float, values: Mapping[str, float]) -> None:
        self.steps += 1
        self.shown = dict(values)
        if self.stop_request is not None and self.steps == self.stop_after:
            self.stop_request.made = True

    def record(self, stage: str, record: dict[str, Any]) -> None: ...

    def pictures(self, stage: str, step: int, images: NDArray[np.float32]) -> None: ...

    def info(self, message: str) -> None:
        self.messages.append(message)

    def end(self, stage: str) -> None: ...


def settings(**given: Any) -> StageSettings:
    values = {"objective": "next_code", "batch_size": BATCH, "precision": "fp32", **given}
    return StageSettings(**complete(StageSettings, values, where="stage", tables=TABLES))


def make_stage(path: Path, validate: Callable[[], dict[str, float]] | None = None, **given: Any) -> Stage:
    objective = TwoPlayers()

    def save(file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(objective.state_dict(), file)

    return Stage(
        name="tokenizer",
        objective=objective,
        dataset=Numbers(),
        settings=settings(**given),
        limit=TrainingLimit(steps=20),
        seed=5,
        directory=StageDirectory(path),
        depends_on="these scans",
        validate=validate or (lambda: {"score": 0.0}),
        criterion="score",
        larger_is_better=True,
        save=save,
        pictures=lambda: None,
    )


def run(stage: Stage, *, stop_after: int = -1) -> tuple[TrainingState, RecordingLogger]:
    stop_request = StopRequest()
    logger = RecordingLogger(stop_request, stop_after)
    return train(stage, Engine(device="cpu"), Loggers([logger]), stop_request), logger


def weights(stage: Stage) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in stage.objective.state_dict().items()}


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_every_player_trains_in_every_step(tmp_path: Path) -> None:
    stage = make_stage(tmp_path)
    state, _ = run(stage)
    calls = stage.objective.calls  # type: ignore[union-attr]
    assert calls == [(player, step) for step in range(20) for player in ("first", "second")]
    assert (state.step, state.images, state.finished) == (20, 20 * BATCH, True)


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    stages = [make_stage(tmp_path / str(number)) for number in range(3)]
    stages[2] = replace(stages[2], seed=6)
    for stage in stages:
        torch.rand(7)  # randomness used elsewhere
        run(stage)
    assert equal(weights(stages[0]), weights(stages[1]))
    assert not equal(weights(stages[0]), weights(stages[2]))


@pytest.mark.parametrize("stops", [[1], [7], [3, 5, 4], [19]])
def test_stop_and_resume_give_the_same_weights(tmp_path: Path, stops: list[int]) -> None:
    scores = iter(range(100))
    uninterrupted = make_stage(tmp_path / "whole", lambda: {"score": float(next(scores))}, schedule="cosine")
    expected, _ = run(uninterrupted)
    for stop in stops:
        with pytest.raises(Interrupted, match="saved at step"):
            run(make_stage(tmp_path / "parts", schedule="cosine"), stop_after=stop)
    last = make_stage(tmp_path / "parts", schedule="cosine")
    state, _ = run(last)
    assert equal(weights(last), weights(uninterrupted))
    assert (state.step, state.images, state.finished) == (expected.step, expected.images, True)
    assert [r["step"] for r in state.history if r["split"] == "validation"] == [5, 10, 15, 20]


def test_a_killed_training_resumes_from_the_last_save(tmp_path: Path) -> None:
    class Killed(Exception):  # noqa: N818
        pass

    def kill(values: object) -> dict[str, float]:
        raise Killed

    uninterrupted = make_stage(tmp_path / "whole")
    run(uninterrupted)
    failing = make_stage(tmp_path / "parts", save_every=0.0)
    failing = replace(failing, validate=lambda: kill(failing))
    with pytest.raises(Killed):
        run(failing)
    last = make_stage(tmp_path / "parts")
    _, logger = run(last)
    assert logger.steps == 16  # the fifth step was not saved: its validation failed
    assert equal(weights(last), weights(uninterrupted))


def test_saves_are_as_far_apart_as_set(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(make_stage(tmp_path / "stopped"), stop_after=3)
    assert StageDirectory(tmp_path / "stopped").resume.exists()

    def written(path: Path, **given: Any) -> bool:
        def validate() -> dict[str, float]:
            seen.append(StageDirectory(path).resume.exists())
            return {"score": 0.0}

        seen: list[bool] = []
        run(make_stage(path, validate, **given))
        return seen[0]

    assert written(tmp_path / "often", save_every=0.0)
    assert not written(tmp_path / "seldom", save_every=3600.0)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    run(make_stage(tmp_path))
    again = make_stage(tmp_path)
    state, _ = run(again)
    assert state.finished
    assert again.dataset.served == 0  # type: ignore[attr-defined]


def test_more_epochs_continue_a_finished_training(tmp_path: Path) -> None:
    run(make_stage(tmp_path))
    longer = replace(make_stage(tmp_path), limit=TrainingLimit(steps=30))
    state, logger = run(longer)
    assert (state.step, logger.steps) == (30, 10)
    uninterrupted = replace(make_stage(tmp_path / "whole"), limit=TrainingLimit(steps=30))
    run(uninterrupted)
    assert equal(weights(longer), weights(uninterrupted))


def test_training_on_other_data_restarts(tmp_path: Path) -> None:
    run(make_stage(tmp_path))
    state, logger = run(replace(make_stage(tmp_path), depends_on="other scans"))
    assert logger.steps == state.step == 20
    assert "restarts" in logger.messages[1]


def test_the_best_and_last_weights_are_kept(tmp_path: Path) -> None:
    scores = iter([1.0, 3.0, 2.0, 2.5])
    kept: list[dict[str, torch.Tensor]] = []

    def validate() -> dict[str, float]:
        kept.append(weights(stage))
        return {"score": next(scores)}

    stage = make_stage(tmp_path, validate)
    state, logger = run(stage)
    assert state.best == 3.0
    assert equal(load_file(stage.directory.best), kept[1])
    assert equal(load_file(stage.directory.last), weights(stage))
    assert logger.shown["val_score"] == 2.5  # of the last validation


def test_smaller_may_be_better(tmp_path: Path) -> None:
    scores = iter([3.0, 1.0, 2.0, 1.5])
    stage = replace(make_stage(tmp_path, lambda: {"score": next(scores)}), larger_is_better=False)
    state, _ = run(stage)
    assert state.best == -1.0


def test_without_a_criterion_the_latest_weights_are_the_best(tmp_path: Path) -> None:
    scores = iter([1.0, 3.0, 2.0, 2.5])
    stage = replace(make_stage(tmp_path, lambda: {"score": next(scores)}), criterion=None)
    state, _ = run(stage)
    assert state.best == state.step
    assert equal(load_file(stage.directory.best), weights(stage))
    assert [record["score"] for record in state.history if record["split"] == "validation"] == [1, 3, 2, 2.5]


def test_the_number_of_validations_is_limited(tmp_path: Path) -> None:
    progress_for: list[int] = []
    stage = make_stage(tmp_path, lambda: progress_for.append(0) or {"score": 0.0})  # type: ignore[func-returns-value]
    run(replace(stage, limit=TrainingLimit(steps=5 * 60)))
    assert VALIDATIONS // 2 <= len(progress_for) <= VALIDATIONS


def test_a_time_limit_ends_training(tmp_path: Path) -> None:
    stage = replace(make_stage(tmp_path), limit=TrainingLimit(seconds=0.2))
    state, _ = run(stage)
    assert state.finished
    assert state.elapsed >= 0.2
    assert state.history[-1]["split"] == "validation"
    assert stage.directory.best.exists()


@pytest.mark.parametrize(("steps", "recorded"), [(4, [4]), (13, [10]), (15, [10, 15]), (20, [10, 20])])
def test_the_end_is_recorded_after_enough_steps(tmp_path: Path, steps: int, recorded: list[int]) -> None:
    state, _ = run(replace(make_stage(tmp_path), limit=TrainingLimit(steps=steps)))
    assert [record["step"] for record in state.history if record["split"] == "train"] == recorded


def test_divergence_raises_and_keeps_the_last_save(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(make_stage(tmp_path), stop_after=5)
    sound = torch.load(StageDirectory(tmp_path).resume, weights_only=True)
    stage = make_stage(tmp_path, save_every=0.0)
    stage.dataset.values[:] = float("inf")  # type: ignore[attr-defined]
    with pytest.raises(FloatingPointError, match=r"diverged at step 7 .*--set training\.tokenizer\.learning"):
        run(stage)
    assert torch.load(stage.directory.resume, weights_only=True)["state"] == sound["state"]


def test_a_validation_that_is_not_finite_raises(tmp_path: Path) -> None:
    stage = make_stage(tmp_path, lambda: {"score": float("nan")})
    with pytest.raises(FloatingPointError, match=r"diverged at step 5 \(score not finite\)"):
        run(stage)
    assert not stage.directory.best.exists()


def test_gradients_are_clipped(tmp_path: Path) -> None:
    """With a tiny clip norm and plain momentum-free Adam, the moments stay tiny too."""
    stage = make_stage(tmp_path, clip_norm=1e-3)
    run(stage)
    saved = torch.load(stage.directory.resume, weights_only=True)
    for optimizer in saved["optimizers"].values():
        norms = [state["exp_avg"].norm() ** 2 for state in optimizer["state"].values()]
        assert sum(norms) ** 0.5 <= 1e-3


def test_the_batches_are_those_of_the_seed(tmp_path: Path) -> None:
    stage = make_stage(tmp_path)
    seen: list[NDArray[np.int64]] = []
    serve = stage.dataset.batch
    stage.dataset.batch = lambda indices, augmentation_uniforms, device: (  # type: ignore[method-assign]
        seen.append(indices) or serve(indices, augmentation_uniforms, device)  # type: ignore[func-returns-value]
    )
    run(stage)
    sampler = DeterministicBatchSampler(samples=SAMPLES, batch_size=BATCH, seed=5)
    assert all(np.array_equal(indices, sampler.indices(step)) for step, indices in enumerate(seen))


def test_a_removed_run_ends_the_training_and_is_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "run"

    def removed() -> dict[str, float]:
        shutil.rmtree(path)
        return {"score": 0.0}

    path.mkdir()
    with pytest.raises(RunError, match="was removed while"):
        run(make_stage(path / "tokenizer", removed))
    assert not path.exists()
