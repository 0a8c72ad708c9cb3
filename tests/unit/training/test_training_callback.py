"""A tokenizer in training with a codebook monitor: dead codes restart, and stop and resume change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from scanvq.build import TABLES
from scanvq.objectives.reconstruct import Reconstruct
from scanvq.quantizers import MovingAverageQuantizer
from scanvq.settings import TokenizerStageSettings
from scanvq.spec import complete
from scanvq.storage.run_directory import StageDirectory
from scanvq.tokenizers import VQVAE2
from scanvq.training.codebook_monitor import CodebookMonitor
from scanvq.training.engine import Engine
from scanvq.training.history import Loggers
from scanvq.training.interrupt import Interrupted, StopRequest
from scanvq.training.loop import train
from scanvq.training.stage import Stage, TrainingState
from scanvq.training.training_limit import TrainingLimit
from scanvq.training.validation import mean_losses
from scanvq.types import Batch

SIZE, BATCH, STEPS = 32, 4, 60
CODES = (16, 64)


class Stopper(Loggers):
    def __init__(self, stop_request: StopRequest, after: int) -> None:
        super().__init__()
        self.stop_request, self.steps_left = stop_request, after

    def step(self, *_: Any) -> None:
        self.steps_left -= 1
        self.stop_request.made = self.steps_left == 0


class SmoothImages:
    """Smooth images, all different."""

    def __init__(self, seed: int) -> None:
        coarse = torch.rand(20, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
        self.images = torch.nn.functional.interpolate(coarse, (SIZE, SIZE), mode="bicubic").clamp(0, 1)

    def __len__(self) -> int:
        return len(self.images)

    def batch(
        self, indices: NDArray[np.int64], augmentation_uniforms: NDArray[np.float64], device: torch.device
    ) -> Batch:
        return Batch(images=self.images[torch.from_numpy(indices)])


def make_stage(path: Path, *, adjusts: bool = True) -> Stage:
    torch.manual_seed(0)
    quantizers = [MovingAverageQuantizer(codebook_size=size, code_dim=8) for size in CODES]
    tokenizer = VQVAE2(quantizers=[*quantizers], channels=(8, 16), residual_channels=4)
    objective = Reconstruct(tokenizer=tokenizer, mse=1.0)
    validation, engine = SmoothImages(1), Engine(device="cpu")

    def save(file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(tokenizer.state_dict(), file)

    given = {"objective": "reconstruct", "batch_size": BATCH, "precision": "fp32", "learning_rate": 3e-3}
    return Stage(
        name="tokenizer",
        objective=objective,
        dataset=SmoothImages(0),
        settings=TokenizerStageSettings(
            **complete(TokenizerStageSettings, given, where="stage", tables=TABLES)
        ),
        limit=TrainingLimit(steps=STEPS),
        seed=3,
        directory=StageDirectory(path),
        depends_on="these images",
        validate=lambda: mean_losses(objective, "tokenizer", validation, batch_size=BATCH, engine=engine),
        criterion="ssim",
        larger_is_better=True,
        save=save,
        pictures=lambda: None,
        callback=CodebookMonitor(
            tokenizer,
            cells=(0, len(validation) * (SIZE // 4) ** 2),
            images=lambda: validation.images[:4],
            adjusts=adjusts,
            engine=engine,
            info=lambda message: None,
        ),
    )


def run(stage: Stage, *, stop_after: int = -1) -> TrainingState:
    stop_request = StopRequest()
    return train(stage, Engine(device="cpu"), Stopper(stop_request, stop_after), stop_request)


def validations(state: TrainingState, name: str) -> list[float | None]:
    return [record.get(name) for record in state.history if record["split"] == "validation"]


def settings(stage: Stage) -> list[float | None]:
    tokenizer = stage.objective.tokenizer
    assert isinstance(tokenizer, VQVAE2)
    levels = [(quantizer.decay, quantizer.commitment) for quantizer in tokenizer.levels]
    return [tokenizer.top_weight, *levels[0], *levels[1]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, TrainingState]:
    """An uninterrupted training with adjustments."""
    stage = make_stage(tmp_path_factory.mktemp("whole"))
    return stage, run(stage)


def test_codes_that_die_in_training_restart(whole: tuple[Stage, TrainingState], tmp_path: Path) -> None:
    unadjusted = make_stage(tmp_path, adjusts=False)
    plain = run(unadjusted)
    assert settings(unadjusted) == [0.25, 0.99, 0.25, 0.99, 0.25]
    adjusted = whole[1]
    in_use = [validations(state, "codes_used_1")[-1] for state in (plain, adjusted)]
    assert in_use[0] < 0.8 * CODES[1] <= in_use[1]
    assert any(validations(adjusted, "codes_restarted_1"))
    assert not any(validations(plain, "codes_restarted_1"))


@pytest.mark.parametrize("stops", [[6], [22, 8, 13], [40]])
def test_stop_and_resume_give_the_same_adjustments(
    whole: tuple[Stage, TrainingState], tmp_path: Path, stops: list[int]
) -> None:
    stage, expected = whole
    assert settings(stage) != settings(make_stage(tmp_path))
    for stop in stops:
        with pytest.raises(Interrupted):
            run(make_stage(tmp_path), stop_after=stop)
    last = make_stage(tmp_path)
    state = run(last)
    one, two = (load_file(each.directory.last) for each in (stage, last))
    assert [name for name in one if not torch.equal(one[name], two[name])] == []
    assert settings(last) == settings(stage)
    for name in (
        "codes_dead_0",
        "codes_restarted_1",
        "decay_1",
        "commitment_weight_1",
        "worth_0",
        "top_weight",
    ):
        assert validations(state, name) == validations(expected, name)
