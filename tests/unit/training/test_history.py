"""What turns say, averaged over steps and processes; watchers that look on together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from scanvq.training.history import Averages, Loggers
from scanvq.types import Losses


def turn(loss: float, counts: list[int] | None = None) -> Losses:
    value = torch.tensor(loss)
    return Losses(
        total=value, parts={"loss": value}, counts=() if counts is None else (torch.tensor(counts),)
    )


def alone(numbers: Tensor) -> Tensor:
    return numbers


def test_means_are_weighted_and_begin_anew() -> None:
    averages = Averages()
    averages.add(turn(1.0), weight=3)
    averages.add(turn(5.0), weight=1)
    assert averages.take(alone) == {"loss": 2.0}
    averages.add(turn(7.0))
    assert averages.take(alone) == {"loss": 7.0}


def test_the_use_of_codes_is_that_of_all_turns() -> None:
    averages = Averages()
    averages.add(turn(0.0, [4, 0, 0, 0]))
    averages.add(turn(0.0, [0, 4, 0, 0]))
    values = averages.take(alone)
    assert values["codes_used"] == 2
    assert values["perplexity"] == pytest.approx(2)


def test_levels_are_numbered_where_there_are_several() -> None:
    zero = torch.zeros(())
    losses = Losses(total=zero, parts={"loss": zero}, counts=(torch.ones(2), torch.ones(3)))
    averages = Averages()
    averages.add(losses)
    values = averages.take(alone)
    assert values["codes_used_0"] == 2
    assert values["perplexity_1"] == pytest.approx(3)


def test_a_loss_that_only_one_player_tells_is_averaged_over_its_turns() -> None:
    averages = Averages()
    for value in (1.0, 3.0):
        for player in ("critic", "generator"):
            one = torch.tensor(value if player == "critic" else 10 * value)
            averages.add(Losses(total=one, parts={f"{player}_loss": one}))
    assert averages.take(alone) == {"critic_loss": 2.0, "generator_loss": 20.0}


def test_processes_count_as_one() -> None:
    """Two processes with turns of their own say what one with all the turns says; no weight, no say."""
    turns = [(turn(1.0, [1, 0]), 2.0), (turn(4.0, [0, 1]), 1.0), (turn(9.0, [7, 7]), 0.0)]
    one, first, second = Averages(), Averages(), Averages()
    for number, (losses, weight) in enumerate(turns):
        one.add(losses, weight=weight)
        (first if number == 0 else second).add(losses, weight=weight)
    sent: list[Tensor] = []
    second.take(lambda numbers: sent.append(numbers) or numbers)  # type: ignore[func-returns-value]
    assert first.take(lambda numbers: numbers + sent[0]) == one.take(alone)


class Diary:
    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.lines.append((name, *given))


def test_all_watchers_see_everything() -> None:
    diaries = [Diary(), Diary()]
    loggers = Loggers(diaries)
    images = np.zeros((1, 2, 2), np.float32)
    loggers.begin("prior")
    loggers.step(0.5, 3.0, {"loss": 1.0})
    loggers.record("prior", {"step": 1})
    loggers.pictures("prior", 1, images)
    loggers.info("hello")
    loggers.end("prior")
    assert [line[0] for line in diaries[0].lines] == ["begin", "step", "record", "pictures", "info", "end"]
    assert diaries[0].lines == diaries[1].lines
