"""How much the tests of faults try: SCANVQ_FAULTS=long is what the note shows, 0.1 a tenth of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_GIVEN = os.environ.get("SCANVQ_FAULTS", "")
SHARE = 1.0 if _GIVEN == "long" else float(_GIVEN or 0)
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "faults.jsonl"


def size(short: int, long: int) -> int:
    """How many cases to try."""
    return max(short, round(long * SHARE))


@contextmanager
def counting(part: str) -> Iterator[Counter[str]]:
    """Counts in a block, recorded when it ends in any way: a long form may be stopped by Ctrl-C."""
    counts: Counter[str] = Counter()
    try:
        yield counts
    finally:
        record(part, **counts)


def record(part: str, **numbers: float | str) -> None:
    """Keeps what a part of the long form has counted, for the note."""
    if SHARE:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"part": part, "share": SHARE, **numbers}) + "\n")
