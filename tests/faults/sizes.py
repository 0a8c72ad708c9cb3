"""How much the tests of faults try: SCANVQ_FAULTS=long is what the note shows, 0.1 a tenth of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

_GIVEN = os.environ.get("SCANVQ_FAULTS", "")
SHARE = 1.0 if _GIVEN == "long" else float(_GIVEN or 0)
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "faults.jsonl"


def size(short: int, long: int) -> int:
    """How many cases to try."""
    return max(short, round(long * SHARE))


def record(part: str, **numbers: float | str) -> None:
    """Keeps what a part of the long form has counted, for the note."""
    if SHARE:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"part": part, "share": SHARE, **numbers}) + "\n")
