"""A table of any nested part of metrics.json, so that new numbers are shown without code of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanvq.evaluation.score_names import score_name
from scanvq.evaluation.tokenizer_scores import SCORES
from scanvq.report.tables.table import Cell, Table, figure, score_decimals, words

_NUMBERS = ("value", "mean")
_COUNTS = ("n", "subjects")
_COLUMNS = ("what", "number", "floor", "n")


def nested_table(name: str, caption: str, entry: Mapping[str, Any]) -> Table:
    """One row for each number, called by the keys that lead to it.

    The number of images of a group stands beside each of its numbers.

    Args:
        name: of the table.
        caption: one sentence.
        entry: nested mappings; a mapping with "value" or "mean" is one number, with "low", "high", "floor"
            and "n" where it has them.
    """
    rows = tuple(
        (words(" · ".join(_label(key) for key in path) or name), *cells)
        for path, cells in _numbers(entry, ())
    )
    kept = [
        number
        for number in range(len(_COLUMNS))
        if number < 2 or any(row[number].value is not None for row in rows)
    ]
    return Table(
        name=name,
        caption=caption,
        columns=tuple(_COLUMNS[number] for number in kept),
        rows=tuple(tuple(row[number] for number in kept) for row in rows),
    )


def _label(key: str) -> str:
    return SCORES[key].label if key in SCORES else score_name(key).label


def _numbers(
    entry: Mapping[str, Any], path: tuple[str, ...], n: int | None = None
) -> Iterator[tuple[tuple[str, ...], tuple[Cell, ...]]]:
    n = entry.get("n", n)
    key = next((key for key in _NUMBERS if isinstance(entry.get(key), int | float)), None)
    if key is not None:
        value, low, high, floor = entry[key], entry.get("low"), entry.get("high"), entry.get("floor")
        number = figure(value, score_decimals(value), low=low, high=high)
        yield path, (number, figure(floor, score_decimals(floor)), figure(n, 0))
        return
    if entry.get("refused"):
        yield path, (words(str(entry["refused"])), figure(None), figure(n, 0))
        return
    for name, value in entry.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, (*path, name), n)
        elif isinstance(value, int | float) and not isinstance(value, bool) and name not in _COUNTS:
            decimals = 0 if isinstance(value, int) else score_decimals(value)
            yield (*path, name), (figure(value, decimals), figure(None), figure(n, 0))
