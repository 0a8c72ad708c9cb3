"""The scores of created scans as lines of a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanvq.evaluation.score_names import COMPARISON_NAMES, SCORE_NAMES

TITLES = {name: f"{one.title} ({one.fault})" for name, one in COMPARISON_NAMES.items()}
SCORES = {key: name.label for key, name in SCORE_NAMES.items() if key != "band_error"}
"""What metrics.json calls a score, and what it is called here."""


def sample_summary(scores: Mapping[str, Any]) -> list[str]:
    """One line for each score of each comparison: value, 95 % interval and floor in every space.

    Args:
        scores: the form of `samples` in metrics.json.
    """
    lines = []
    for name, title in TITLES.items():
        comparison = scores[name]
        lines.append(f"{title}, {comparison['n']} images each:")
        for key, label in SCORES.items():
            if key not in comparison:
                continue
            found = comparison[key]
            spaces = {"": found} if "value" in found else found
            texts = [f"{space} {_number(score)}".strip() for space, score in spaces.items()]
            lines.append(f"  {label:<16} {'; '.join(texts)}")
    lines.append("in brackets the 95 % interval and the floor: the same of real against real scans")
    lines.append("a kernel distance is an estimate without bias: below 0 it found no difference")
    return lines


def _number(score: Mapping[str, Any]) -> str:
    if score["value"] is None:
        return f"refused ({score['refused']})"
    floor = "none" if score["floor"] is None else _short(score["floor"])
    low, high = score["low"], score["high"]
    interval = "no interval" if low is None else f"{_short(low)} to {_short(high)}"
    return f"{_short(score['value'])} [{interval}; {floor}]"


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
