"""The rows of a table, how they are printed, and the file that they are kept in."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table as Columns

from scanvq.storage.files import write_json

RESULTS = Path(__file__).parent / "results"
FILE_WIDTH = 180  # characters of a table that is printed into a file


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How a table is to be run.

    Attributes:
        short: tiny sizes, to test the table; the times then mean nothing.
        device: where networks run.
        scans: a folder of scans in place of synthetic ones, for tables that train.
        turns: the most turns of each candidate; None takes as many as the table has.
    """

    short: bool = False
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    scans: Path | None = None
    turns: int | None = None

    def limited(self, repeats: int) -> int:
        """How many turns are taken where a table has `repeats`."""
        return repeats if self.turns is None else min(repeats, self.turns)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One piece of work, measured for several candidates in turns.

    Attributes:
        case: what is done.
        seconds: candidate -> every time measured, in the order of the turns; () = not run.
        ours: the candidate that ratios are relative to: another's median / its median; None = no ratios.
        times: candidate -> how many of its measured pieces make one whole work, where that is not 1.
        wanted: candidate -> the ratio that was set as a goal before measuring.
        numbers: candidate -> other measured numbers, the name carrying the unit.
        facts: measured numbers of the row as a whole.
        notes: what else must be known to read the row.
    """

    case: str
    seconds: Mapping[str, Sequence[float]]
    ours: str | None = None
    times: Mapping[str, float] = field(default_factory=dict)
    wanted: Mapping[str, float] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    facts: Mapping[str, float | None] = field(default_factory=dict)
    notes: str = ""

    def median(self, candidate: str) -> float | None:
        """Seconds for the whole work; None where it was not run."""
        raw = self.seconds[candidate]
        return statistics.median(raw) * self.times.get(candidate, 1) if raw else None

    def ratio(self, candidate: str) -> float | None:
        """How many times as long as ours it takes."""
        own = self.median(self.ours) if self.ours is not None else None
        other = self.median(candidate)
        return None if own is None or other is None else other / own

    def to_dict(self) -> dict[str, Any]:
        return {
            "case": self.case,
            "ours": self.ours,
            "seconds": {name: list(raw) for name, raw in self.seconds.items()},
            "times": dict(self.times),
            "median_seconds": {name: self.median(name) for name in self.seconds},
            "ratios": {name: self.ratio(name) for name in self.seconds if self.ours is not None},
            "wanted": dict(self.wanted),
            "numbers": {name: dict(values) for name, values in self.numbers.items()},
            "facts": dict(self.facts),
            "notes": self.notes,
        }


def file_of(table: str, device: str) -> str:
    """The name of a table's file: `quantizer.json`, on another device `quantizer-cuda.json`."""
    return f"{table}.json" if device == "cpu" else f"{table}-{device}.json"


def write(folder: Path, table: str, machine: Mapping[str, Any], setup: Setup, rows: Sequence[Row]) -> Path:
    """Keeps a table: the machine, all raw times, medians and ratios."""
    path = folder / file_of(table, setup.device.type)
    record = {
        "table": table,
        "short": setup.short,
        "turns": setup.turns,
        "device": setup.device.type,
        "machine": dict(machine),
        "rows": [row.to_dict() for row in rows],
    }
    write_json(path, record)
    return path


def show(title: str, rows: Sequence[Row]) -> None:
    """Prints a table; a ratio above 1 means that ScanVQ is faster."""
    names = list(dict.fromkeys(name for row in rows for values in row.numbers.values() for name in values))
    columns = Columns(title=title, title_justify="left")
    columns.add_column("work", overflow="fold")
    columns.add_column("candidate", overflow="fold")
    for name in ("median", "ratio", "wanted", *names):
        columns.add_column(name, justify="right")
    for row in rows:
        for place, name in enumerate(row.seconds):
            numbers = row.numbers.get(name, {})
            columns.add_row(
                row.case if place == 0 else "",
                name,
                format_seconds(row.median(name)),
                format_ratio(row.ratio(name)),
                format_ratio(row.wanted.get(name)),
                *(format_number(numbers.get(one)) for one in names),
            )
        for fact, value in row.facts.items():
            columns.add_row("", fact, format_number(value))
        if row.notes:
            columns.add_row("", row.notes)
        columns.add_section()
    console = Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    console.print(columns)


def format_seconds(value: float | None) -> str:
    if value is None:
        return ""
    if value < 1e-3:
        return f"{value * 1e6:.0f} us"
    return f"{value * 1e3:.{1 if value < 0.1 else 0}f} ms" if value < 1 else f"{value:.2f} s"


def format_ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.{2 if value < 10 else 0}f}x"


def format_number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
