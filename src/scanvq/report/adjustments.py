"""The adjustments of the codebook monitor during training, as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

ADJUSTMENTS = {
    "codes_restarted": "{:.0f} codes restarted",
    "decay": "decay lowered to {:g}",
    "commitment_weight": "commitment raised to {:g}",
    "top_weight": "weight of the top-level loss raised to {:g}",
}


def is_adjustment(name: str) -> bool:
    """Whether a value of the history is an adjustment and not a measurement."""
    return _parts(name)[0] in ADJUSTMENTS


def adjustments(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each validation and level with an adjustment: "step 40, level 1: 12 codes restarted"."""
    lines = []
    for record in records:
        done: dict[str, list[str]] = {}
        for name, value in record.items():
            kind, level = _parts(name)
            if kind in ADJUSTMENTS and isinstance(value, int | float):
                done.setdefault(level, []).append(ADJUSTMENTS[kind].format(value))
        lines += [
            f"step {record['step']:,}{level}: {', '.join(adjusted)}" for level, adjusted in done.items()
        ]
    return lines


def _parts(name: str) -> tuple[str, str]:
    """decay_1 is the decay of level 1."""
    match = re.fullmatch(r"(.+)_(\d+)", name)
    return (match[1], f", level {match[2]}") if match else (name, "")
