"""A table as Markdown."""

from __future__ import annotations

from scanvq.report.tables.table import Cell, Table


def markdown(table: Table) -> str:
    """The table with its footnotes, as GitHub and Hugging Face show it."""
    numeric = [
        all(row[number].is_number for row in table.rows) if table.rows else False
        for number in range(len(table.columns))
    ]
    lines = [
        _line([_escaped(column) for column in table.columns]),
        _line(["---:" if one else "---" for one in numeric]),
        *(_line([_text(cell) for cell in row]) for row in table.rows),
    ]
    notes = [f"<sup>{number}</sup> {_escaped(note)}" for number, note in enumerate(table.notes, 1)]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(cell: Cell) -> str:
    interval = f" ({cell.interval})" if cell.interval else ""
    note = f"<sup>{cell.note}</sup>" if cell.note else ""
    return f"{_escaped(cell.text)}{interval}{note}"


def _escaped(text: str) -> str:
    for character in "\\|<`*_[":
        text = text.replace(character, f"\\{character}")
    return text
