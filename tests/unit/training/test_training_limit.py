"""Limits of steps and of seconds, and durations as text."""

from __future__ import annotations

import pytest

from scanvq.training.training_limit import TrainingLimit, parse_duration


def test_steps() -> None:
    limit = TrainingLimit(steps=10)
    assert limit.progress(5, elapsed=1e9) == 0.5
    assert not limit.reached(9, elapsed=1e9)
    assert limit.reached(10, elapsed=0)
    assert limit.progress(20, elapsed=0) == 1.0


def test_seconds() -> None:
    limit = TrainingLimit(seconds=60)
    assert limit.progress(10**9, elapsed=15) == 0.25
    assert not limit.reached(10**9, elapsed=59.9)
    assert limit.reached(0, elapsed=60)


@pytest.mark.parametrize("given", [{}, {"steps": 1, "seconds": 1.0}])
def test_exactly_one_of_steps_and_seconds(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="either"):
        TrainingLimit(**given)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1.5h", 5400), ("2d", 172800), ("1h30m", 5400), (" 4M ", 240)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "ten minutes", "10m!", "-5m", "0s", "1h 30m", "1.h"])
def test_an_invalid_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for example 90s"):
        parse_duration(text)
