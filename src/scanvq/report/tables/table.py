"""A table: typed cells with the text that is shown and the number behind it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Literal

MISSING = "-"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: as shown.
        value: the number behind it at full precision; None for words and for numbers that are missing.
        low, high: its 95 % interval; None without one.
        definition: key of the definition that the page links to; "" for none.
        note: number of a footnote, counted from 1; 0 for none.
        state: "worse" for a number that is worse than its floor allows, "fine" for one that is not; "best" of
            several runs.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    definition: str = ""
    note: int = 0
    state: Literal["", "fine", "worse", "best"] = ""

    @property
    def is_number(self) -> bool:
        return self.value is not None or self.text == MISSING

    @property
    def interval(self) -> str:
        """The interval with as many decimals as the text."""
        if self.low is None or self.high is None:
            return ""
        decimals = len(self.text.partition(".")[2].split(" ")[0].rstrip("%"))
        return f"{self.low:,.{decimals}f} to {self.high:,.{decimals}f}"


def words(text: str, *, definition: str = "") -> Cell:
    """A cell of words."""
    return Cell(text=text, definition=definition)


def figure(
    value: float | None,
    decimals: int = 3,
    *,
    low: float | None = None,
    high: float | None = None,
    note: int = 0,
) -> Cell:
    """A cell of a number with its interval; "-" for None."""
    if value is None:
        return Cell(text=MISSING, note=note)
    return Cell(text=f"{value:,.{decimals}f}", value=value, low=low, high=high, note=note)


def score_decimals(value: float | None) -> int:
    """Decimals of a score whose size is not known beforehand."""
    size = abs(value or 0.0)
    return 3 if size < 10 else 1 if size < 1000 else 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells under columns.

    Attributes:
        name: of its files.
        caption: one sentence.
        columns: headings; the first column has words.
        rows: as many cells each as there are columns.
        notes: footnotes, referred to by number.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def csv(self) -> str:
        """Numbers at full precision; an interval has columns of its own; missing numbers are empty."""
        with_interval = [
            any(row[number].low is not None for row in self.rows) for number in range(len(self.columns))
        ]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        heading: list[str] = []
        for name, has_interval in zip(self.columns, with_interval, strict=True):
            heading += [name, f"{name} low", f"{name} high"] if has_interval else [name]
        writer.writerow(heading)
        for row in self.rows:
            line: list[str] = []
            for cell, has_interval in zip(row, with_interval, strict=True):
                line.append(_plain(cell))
                line += [_bound(cell.low), _bound(cell.high)] if has_interval else []
            writer.writerow(line)
        return text.getvalue()


def _plain(cell: Cell) -> str:
    if cell.value is not None:
        return f"{cell.value:.10g}"
    return "" if cell.text == MISSING else cell.text


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
