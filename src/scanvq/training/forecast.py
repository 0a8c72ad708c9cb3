"""What a stage can be expected to reach, in words, from planned trainings on brain slices.

The words are those of docs/explanation/planning.md, "What to expect of a budget". Other images differ: few
and similar images need fewer steps, volumes of all levels of a head more.
"""

from __future__ import annotations

import math

MEASURED_STEPS = 10  # after which the time of a step is known well enough

MEASURED_ON = "on brain slices (4 of them a step, 4x4 pixels a code)"

_WORDS: dict[str, tuple[tuple[float, str], ...]] = {
    "tokenizer": (
        (300, "blurred outlines (SSIM below .83)"),
        (1_000, "large structures (SSIM .83 to .90)"),
        (2_500, "most structures, fine ones blurred (SSIM .90 to .93)"),
        (math.inf, "fine structures (SSIM above .93)"),
    ),
    "prior": (
        (100, "noise only: give it more time, or larger codes with `--detail coarse`"),
        (300, "outlines filled with texture"),
        (600, "organs and their large parts, many with visible faults"),
        (math.inf, "whole organs with their parts; details go on improving"),
    ),
}


def expected_steps(step: int, *, began: int, seconds: float, left: float) -> int:
    """The steps that a stage will have taken when its time is over.

    Args:
        step: steps so far.
        began: steps before this session.
        seconds: of the steps since.
        left: seconds of training that are left.
    """
    return step + int(left / max(seconds, 1e-9) * (step - began))


def in_words(stage: str, steps: int) -> str:
    """What brain slices look like after that many steps; "" for a stage that was not measured."""
    for limit, words in _WORDS.get(stage, ()):
        if steps < limit:
            return f"about {steps:,} steps; {MEASURED_ON} so many gave {words}"
    return ""
