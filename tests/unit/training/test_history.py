"""Losses averaged over steps and processes; several loggers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from scanvq.training.history import Averages, Loggers
from scanvq.types import Losses


def losses_of(loss: float, counts: list[int] | None = None) -> Losses:
    value = torch.tensor(loss)
    return Losses(
        total=value, parts={"loss": value}, counts=() if counts is None else (torch.tensor(counts),)
    )


def single_process(numbers: Tensor) -> Tensor:
    return numbers


def test_means_are_weighted_and_reset() -> None:
    averages = Averages()
    averages.add(losses_of(1.0), weight=3)
    averages.add(losses_of(5.0), weight=1)
    assert averages.take(single_process) == {"loss": 2.0}
    averages.add(losses_of(7.0))
    assert averages.take(single_process) == {"loss": 7.0}


def test_the_use_of_codes_is_over_all_steps() -> None:
    averages = Averages()
    averages.add(losses_of(0.0, [4, 0, 0, 0]))
    averages.add(losses_of(0.0, [0, 4, 0, 0]))
    values = averages.take(single_process)
    assert values["codes_used"] == 2
    assert values["perplexity"] == pytest.approx(2)


def test_levels_are_numbered_where_there_are_several() -> None:
    zero = torch.zeros(())
    losses = Losses(total=zero, parts={"loss": zero}, counts=(torch.ones(2), torch.ones(3)))
    averages = Averages()
    averages.add(losses)
    values = averages.take(single_process)
    assert values["codes_used_0"] == 2
    assert values["perplexity_1"] == pytest.approx(3)


def test_a_loss_of_one_player_is_averaged_over_the_steps_of_this_player() -> None:
    averages = Averages()
    for value in (1.0, 3.0):
        for player in ("discriminator", "generator"):
            one = torch.tensor(value if player == "discriminator" else 10 * value)
            averages.add(Losses(total=one, parts={f"{player}_loss": one}))
    assert averages.take(single_process) == {"discriminator_loss": 2.0, "generator_loss": 20.0}


def test_averages_over_processes_equal_those_of_one_process() -> None:
    """Two processes with half of the steps each give the averages of one; weight 0 does not count."""
    turns = [(losses_of(1.0, [1, 0]), 2.0), (losses_of(4.0, [0, 1]), 1.0), (losses_of(9.0, [7, 7]), 0.0)]
    one, first, second = Averages(), Averages(), Averages()
    for number, (losses, weight) in enumerate(turns):
        one.add(losses, weight=weight)
        (first if number == 0 else second).add(losses, weight=weight)
    sent: list[Tensor] = []
    second.take(lambda numbers: sent.append(numbers) or numbers)  # type: ignore[func-returns-value]
    assert first.take(lambda numbers: numbers + sent[0]) == one.take(single_process)


class RecordingLogger:
    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.lines.append((name, *given))


def test_every_logger_gets_every_call() -> None:
    recorded = [RecordingLogger(), RecordingLogger()]
    loggers = Loggers(recorded)
    images = np.zeros((1, 2, 2), np.float32)
    loggers.begin("prior")
    loggers.step(0.5, 3.0, {"loss": 1.0})
    loggers.record("prior", {"step": 1})
    loggers.pictures("prior", 1, images)
    loggers.info("hello")
    loggers.end("prior")
    assert [line[0] for line in recorded[0].lines] == ["begin", "step", "record", "pictures", "info", "end"]
    assert recorded[0].lines == recorded[1].lines
