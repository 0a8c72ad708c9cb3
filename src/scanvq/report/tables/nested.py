"""A table of any nested part of metrics.json, so that new numbers are shown without code of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanvq.evaluation.score_names import score_name
from scanvq.report.tables.table import Cell, Table, figure, words

WHOLE = "value"
_NUMBERS = ("value", "mean")
_COLUMNS = ("what", "number", "floor", "n")


def nested_table(name: str, caption: str, entry: Mapping[str, Any]) -> Table:
    """One row for each number, called by the keys that lead to it.

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
    return score_name(key).label


def _numbers(
    entry: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[Cell, ...]]]:
    key = next((key for key in _NUMBERS if isinstance(entry.get(key), int | float)), None)
    if key is not None:
        low, high = entry.get("low"), entry.get("high")
        yield (
            path,
            (
                figure(entry[key], low=low, high=high),
                figure(entry.get("floor")),
                figure(entry.get("n"), 0),
            ),
        )
        return
    if entry.get("refused"):
        yield path, (words(str(entry["refused"])), figure(None), figure(None))
        return
    for name, value in entry.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, (*path, name))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            decimals = 0 if isinstance(value, int) else 3
            yield (*path, name), (figure(value, decimals), figure(None), figure(None))
