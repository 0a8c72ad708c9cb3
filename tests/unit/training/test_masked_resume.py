"""A masked prior stopped and resumed: the masks of a step come from its seed, so the weights are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from scanvq.build import TABLES
from scanvq.conditions.space import ConditionSpace
from scanvq.objectives.masked_codes import MaskedCodes
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.maskgit import MaskGIT
from scanvq.settings import StageSettings
from scanvq.spec import complete
from scanvq.storage.run_directory import StageDirectory
from scanvq.training.datasets import CodeDataset
from scanvq.training.engine import Engine
from scanvq.training.history import Loggers
from scanvq.training.interrupt import Interrupted, StopRequest
from scanvq.training.loop import train
from scanvq.training.stage import Stage, TrainingState
from scanvq.training.training_limit import TrainingLimit
from scanvq.training.validation import mean_losses

LABELS = ConditionSpace.of_labels(("AD", "NC"))

K = 6


class Stopper(Loggers):
    def __init__(self, stop_request: StopRequest, after: int) -> None:
        super().__init__()
        self.stop_request, self.steps_left = stop_request, after

    def step(self, *_: Any) -> None:
        self.steps_left -= 1
        self.stop_request.made = self.steps_left == 0


def make_stage(path: Path) -> Stage:
    torch.manual_seed(0)
    prior = MaskGIT(channels=8, layers=1, heads=2, codebook_size=K, conditions=LABELS, height=4, width=5)
    objective = MaskedCodes(prior=HierarchicalPrior(levels=[prior]), condition_dropout=0.5)
    random = np.random.default_rng(0)
    dataset = CodeDataset(
        (random.integers(K, size=(17, 4, 5)),), conditions={"label": random.integers(2, size=17)}
    )
    engine = Engine(device="cpu")

    def save(file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(prior.state_dict(), file)

    whole = {"objective": "masked_codes", "batch_size": 4, "precision": "fp32"}
    return Stage(
        name="prior",
        objective=objective,
        dataset=dataset,
        settings=StageSettings(**complete(StageSettings, whole, where="stage", tables=TABLES)),
        limit=TrainingLimit(steps=12),
        seed=3,
        directory=StageDirectory(path),
        depends_on="these codes",
        validate=lambda: mean_losses(objective, "prior", dataset, batch_size=4, engine=engine),
        criterion=objective.criterion,
        larger_is_better=False,
        save=save,
        pictures=lambda: None,
    )


def run(stage: Stage, *, stop_after: int = -1) -> TrainingState:
    stop_request = StopRequest()
    return train(stage, Engine(device="cpu"), Stopper(stop_request, stop_after), stop_request)


@pytest.mark.parametrize("stops", [[1], [5, 4]])
def test_stop_and_resume_give_the_same_weights(tmp_path: Path, stops: list[int]) -> None:
    whole = make_stage(tmp_path / "whole")
    expected = run(whole)
    for stop in stops:
        with pytest.raises(Interrupted):
            run(make_stage(tmp_path / "parts"), stop_after=stop)
    last = make_stage(tmp_path / "parts")
    state = run(last)
    first, second = whole.objective.state_dict(), last.objective.state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert state.step == expected.step == 12
    assert state.best == expected.best


def test_validating_twice_gives_the_same_bits_and_does_not_change_training(tmp_path: Path) -> None:
    stage = make_stage(tmp_path)
    stage.objective.eval()
    first, state = stage.validate(), torch.get_rng_state()
    torch.rand(3)
    assert stage.validate() == first
    torch.set_rng_state(state)
    before = torch.get_rng_state()
    stage.validate()
    assert torch.equal(torch.get_rng_state(), before)
