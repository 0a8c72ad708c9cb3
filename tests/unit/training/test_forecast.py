"""What a budget gives, in words."""

from __future__ import annotations

import pytest

from scanvq.training.forecast import expected_steps, in_words


def test_steps_go_on_as_fast_as_they_began() -> None:
    assert expected_steps(10, began=0, seconds=5, left=100) == 210
    assert expected_steps(110, began=100, seconds=5, left=100) == 310  # resumed
    assert expected_steps(7, began=0, seconds=9, left=0) == 7


@pytest.mark.parametrize(
    ("stage", "steps", "told"),
    [
        ("prior", 23, "so many gave noise only"),
        ("prior", 950, "whole organs"),
        ("tokenizer", 4_900, "about 4,900 steps; on brain slices"),
    ],
)
def test_words(stage: str, steps: int, told: str) -> None:
    assert told in in_words(stage, steps)


def test_a_stage_that_was_not_measured_has_no_forecast() -> None:
    assert in_words("decoder", 100) == ""
