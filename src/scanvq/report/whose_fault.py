"""Which part of a model the scores of created scans blame, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanvq.evaluation.score_names import is_worse_than_floor

TELLS_APART = "auc"
HIGH_FLOOR = 0.65
"""A floor of the AUC above this says that held-out and training people themselves differ."""


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How well the best classifier tells both sides of a comparison apart.

    Attributes:
        space: of the classifier with the highest AUC.
        value, low, high, floor: of that AUC.
    """

    space: str
    value: float
    low: float | None
    high: float | None
    floor: float | None

    @property
    def is_seen(self) -> bool:
        """Whether the interval lies above the floor."""
        score = {"low": self.low, "high": self.high, "floor": self.floor}
        return bool(is_worse_than_floor(TELLS_APART, score))


def separation(samples: Mapping[str, Any], comparison: str) -> Separation | None:
    """The highest AUC of a comparison in metrics.json; None where it is missing or refused.

    A classifier with a note, such as one that misses a bad reference, counts only where all have one.
    """
    found = samples.get(comparison, {}).get(TELLS_APART, {})
    spaces = {space: score for space, score in found.items() if score.get("value") is not None}
    if not spaces:
        return None
    spaces = {space: score for space, score in spaces.items() if not score.get("note")} or spaces
    space = max(spaces, key=lambda name: float(spaces[name]["value"]))
    score = spaces[space]
    return Separation(
        space=space,
        value=score["value"],
        low=score.get("low"),
        high=score.get("high"),
        floor=score.get("floor"),
    )


def verdict(samples: Mapping[str, Any]) -> str:
    """One or two sentences; "" where the comparisons were not scored."""
    tokenizer = separation(samples, "reconstructions_vs_reals")
    prior = separation(samples, "samples_vs_reconstructions")
    if tokenizer is None or prior is None:
        return ""
    if not tokenizer.is_seen and not prior.is_seen:
        return (
            "No classifier found a fault at this number of images, neither of the tokenizer nor of the "
            "prior. "
            "That is no proof that there is none: more images see more."
        )
    if not prior.is_seen:
        return (
            "The tokenizer is at fault: its reconstructions are already told from real scans, and the "
            "created "
            "scans are not told from reconstructions. A better prior would not help; a better tokenizer "
            "would."
        )
    if not tokenizer.is_seen:
        return (
            "The prior is at fault: reconstructions pass for real scans, and created scans do not pass for "
            "reconstructions. Train the prior longer, sample with another temperature, or take a larger "
            "prior."
        )
    return (
        "Both parts are at fault: reconstructions are told from real scans (tokenizer), and created scans "
        "from reconstructions (prior). The tokenizer comes first: what it loses, no prior can give back."
    )
