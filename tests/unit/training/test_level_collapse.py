"""Collapsed levels are found, and the loss weight of the coarsest level is raised."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from scanvq.quantizers import MovingAverageQuantizer
from scanvq.tokenizers import VQVAE2
from scanvq.training.engine import Engine
from scanvq.training.level_collapse import LevelCollapseMonitor

NOISE = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def shades() -> Tensor:
    return torch.linspace(0, 1, 4).view(4, 1, 1, 1).expand_as(NOISE) * NOISE


def two_levels(**settings: Any) -> VQVAE2:
    torch.manual_seed(0)
    quantizers = [MovingAverageQuantizer(codebook_size=16, code_dim=8) for _ in range(2)]
    return VQVAE2(quantizers=[*quantizers], channels=(8, 8), residual_channels=4, **settings)


def collapsed(**settings: Any) -> VQVAE2:
    """A hierarchy whose decoded images do not depend on the codes of the top level."""
    tokenizer = two_levels(**settings).train()
    tokenizer(shades())
    tokenizer.quantizers[0].codebook.zero_()  # type: ignore[union-attr, operator]
    return tokenizer.eval()


def make_monitor(tokenizer: VQVAE2, log: list[str]) -> LevelCollapseMonitor:
    return LevelCollapseMonitor(tokenizer, images=shades, engine=Engine(device="cpu"), info=log.append)


def test_a_level_that_carries_information_is_not_changed() -> None:
    tokenizer = two_levels().train()
    for _ in range(3):
        tokenizer(shades())
    log: list[str] = []
    with torch.no_grad():
        found = make_monitor(tokenizer.eval(), log).after_validation("")
    assert found.keys() == {"worth_0"}
    assert found["worth_0"] != 0.0


def test_a_collapsed_top_level_gets_a_higher_loss_weight() -> None:
    tokenizer, log = collapsed(), list[str]()
    monitor = make_monitor(tokenizer, log)
    with torch.no_grad():
        found = [monitor.after_validation("") for _ in range(5)]
    assert found == [
        {"worth_0": 0.0},
        {"worth_0": 0.0},
        {"worth_0": 0.0, "top_weight": 0.5},
        {"worth_0": 0.0, "top_weight": 1.0},
        {"worth_0": 0.0},
    ]
    assert tokenizer.top_weight == 1.0
    assert log[0].startswith(
        "level 0 carries almost no information: with the codes of another image SSIM falls by 0.0"
    )
    assert [text.rpartition("; ")[2] for text in log] == [
        "adjusted after 3 validations in a row",
        "adjusted after 3 validations in a row",
        "top_weight 0.25 -> 0.5",
        "top_weight 0.5 -> 1",
        "top_weight is at its maximum, or turned off",
    ]


def test_a_collapsed_level_may_be_reported_only() -> None:
    tokenizer, log = collapsed(), list[str]()
    monitor = make_monitor(tokenizer, log)
    with torch.no_grad():
        assert [monitor.after_validation("training is over") for _ in range(4)] == [{"worth_0": 0.0}] * 4
    assert tokenizer.top_weight == 0.25
    assert [text.rpartition("; ")[2] for text in log] == ["training is over"] * 4


def test_a_top_weight_of_zero_stays() -> None:
    tokenizer = collapsed(top_weight=0.0)
    monitor = make_monitor(tokenizer, [])
    with torch.no_grad():
        assert [monitor.after_validation("") for _ in range(4)] == [{"worth_0": 0.0}] * 4
    assert tokenizer.top_weight == 0.0
