"""Two players, their noise and their batch statistics: stopped and resumed without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from scanvq.build import TABLES
from scanvq.conditions.space import ConditionSpace
from scanvq.objectives.adversarial_codes import AdversarialCodes
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.latent_gan import LatentGAN
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

LABELS = ConditionSpace.of_labels(("AD", "NC"))

K, D = 6, 3


class Stopper(Loggers):
    def __init__(self, stop_request: StopRequest, after: int) -> None:
        super().__init__()
        self.stop_request, self.steps_left = stop_request, after

    def step(self, *_: Any) -> None:
        self.steps_left -= 1
        self.stop_request.made = self.steps_left == 0


def make_stage(path: Path) -> Stage:
    torch.manual_seed(0)
    prior = LatentGAN(
        noise_dim=4,
        channels=4,
        discriminator_channels=4,
        codebook_size=K,
        code_dim=D,
        conditions=LABELS,
        height=8,
        width=9,
    )
    prior.set_codebook(torch.randn(K, D))
    objective = AdversarialCodes(prior=HierarchicalPrior(levels=[prior]), condition_dropout=0.5)

    def save(file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(prior.state_dict(), file)

    random = np.random.default_rng(0)
    whole = {"objective": "adversarial_codes", "batch_size": 4, "precision": "fp32", "betas": [0.5, 0.999]}
    return Stage(
        name="prior",
        objective=objective,
        dataset=CodeDataset(
            (random.integers(K, size=(17, 8, 9)),), conditions={"label": random.integers(2, size=17)}
        ),
        settings=StageSettings(**complete(StageSettings, whole, where="stage", tables=TABLES)),
        limit=TrainingLimit(steps=12),
        seed=3,
        directory=StageDirectory(path),
        depends_on="these codes",
        validate=lambda: {},
        criterion=None,
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


def test_the_losses_of_both_players_are_recorded(tmp_path: Path) -> None:
    reported = next(record for record in run(make_stage(tmp_path)).history if record["split"] == "train")
    assert {
        "discriminator_loss",
        "discriminator_real",
        "discriminator_fake",
        "generator_loss",
    } <= reported.keys()
    assert 0 < reported["generator_loss"] < 5  # mean over its own steps only; ln 2 at equilibrium
    assert 0 <= reported["discriminator_real"] <= 1
