"""A decoder and its averaged weights: stopped and resumed without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from scanvq.build import TABLES
from scanvq.decoders.natural import NaturalDecoder
from scanvq.objectives.natural_images import NaturalImages
from scanvq.quantizers import NearestQuantizer
from scanvq.settings import DecoderStageSettings
from scanvq.spec import complete
from scanvq.storage.run_directory import StageDirectory
from scanvq.tokenizers import VQVAE
from scanvq.training.engine import Engine
from scanvq.training.history import Loggers
from scanvq.training.interrupt import Interrupted, StopRequest
from scanvq.training.loop import train
from scanvq.training.stage import Stage
from scanvq.training.training_limit import TrainingLimit
from scanvq.training.weight_average import WeightAverage
from scanvq.types import Batch, Losses


class Stopper(Loggers):
    def __init__(self, stop_request: StopRequest, after: int) -> None:
        super().__init__()
        self.stop_request, self.steps_left = stop_request, after

    def step(self, *_: Any) -> None:
        self.steps_left -= 1
        self.stop_request.made = self.steps_left == 0


class Slices:
    """Fixed images with random codes."""

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(0)
        self.images = torch.rand(9, 1, 16, 12, generator=random)
        self.codes = torch.randint(8, (9, 4, 3), generator=random)

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: np.ndarray, uniforms: np.ndarray, device: torch.device) -> Batch:
        return Batch(images=self.images[indices], codes=(self.codes[indices],))


def make_stage(path: Path) -> tuple[Stage, WeightAverage]:
    torch.manual_seed(0)
    tokenizer = VQVAE(quantizer=NearestQuantizer(codebook_size=8, code_dim=4), channels=(4, 4)).eval()
    decoder = NaturalDecoder(tokenizer=tokenizer)
    average = WeightAverage(decoder, decay=0.9)

    def save(file: Path) -> None:
        with average.applied():
            file.parent.mkdir(parents=True, exist_ok=True)
            save_file({name: value.clone() for name, value in decoder.state_dict().items()}, file)

    settings = complete(
        DecoderStageSettings, {"precision": "fp32", "batch_size": 3}, where="stage", tables=TABLES
    )
    stage = Stage(
        name="decoder",
        objective=NaturalImages(decoder=decoder, faithful=tokenizer),
        dataset=Slices(),
        settings=DecoderStageSettings(**settings),
        limit=TrainingLimit(steps=12),
        seed=3,
        directory=StageDirectory(path),
        depends_on="these codes",
        validate=lambda: {},
        criterion=None,
        larger_is_better=False,
        save=save,
        pictures=lambda: None,
        callback=average,
    )
    return stage, average


def run(path: Path, *, stop_after: int = -1) -> Stage:
    stage, _ = make_stage(path)
    stop_request = StopRequest()
    train(stage, Engine(device="cpu"), Stopper(stop_request, stop_after), stop_request)
    return stage


def test_stop_and_resume_give_the_same_weights(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    for stop in (5, 4):
        with pytest.raises(Interrupted):
            run(tmp_path / "parts", stop_after=stop)
    parts = run(tmp_path / "parts")
    first, second = whole.objective.state_dict(), parts.objective.state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    kept = [load_file(stage.directory.last) for stage in (whole, parts)]
    assert all(torch.equal(value, kept[1][name]) for name, value in kept[0].items())
    own = {name.removeprefix("decoder."): value for name, value in first.items() if "decoder." in name}
    assert any(not torch.equal(value, own[name]) for name, value in kept[0].items())  # the average is kept


def test_the_average_follows_the_weights() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    average = WeightAverage(network, decay=0.5)
    torch.nn.init.ones_(network.weight)
    average.after_step(Losses(total=torch.ones(()), parts={}))
    assert average.state_dict()["average"]["weight"].item() == pytest.approx(0.9)
    with average.applied():
        assert network.weight.item() == pytest.approx(0.9)
    assert network.weight.item() == 1
