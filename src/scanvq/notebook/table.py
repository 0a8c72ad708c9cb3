"""Tables of facts as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def html_table(heading: str, rows: Sequence[Sequence[str]]) -> str:
    """A heading over rows of cells as HTML; every text is escaped. The first cell of a row is its name."""
    lines = [
        "<tr>"
        + "".join(
            f'<{tag} style="text-align: left; vertical-align: top">{escape(cell)}</{tag}>'
            for tag, cell in zip(["th", *["td"] * (len(row) - 1)], row, strict=True)
        )
        + "</tr>"
        for row in rows
    ]
    return f"<div><strong>{escape(heading)}</strong><table>{''.join(lines)}</table></div>"
