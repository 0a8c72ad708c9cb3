"""A table as LaTeX, for the package booktabs."""

from __future__ import annotations

from scanvq.report.tables.table import Cell, Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "²": r"\textsuperscript{2}",
    "·": r"\textperiodcentered{}",
}


def latex(table: Table) -> str:
    """The table as a float with caption and label; `\\usepackage{booktabs}` is needed."""
    numeric = [
        bool(table.rows) and all(row[number].is_number for row in table.rows)
        for number in range(len(table.columns))
    ]
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.caption)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{''.join('r' if one else 'l' for one in numeric)}}}",
        r"\toprule",
        " & ".join(map(escape, table.columns)) + r" \\",
        r"\midrule",
        *(" & ".join(map(_cell, row)) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if table.notes:
        lines += [r"\par\smallskip\footnotesize"]
        lines += [
            rf"\textsuperscript{{{number}}} {escape(note)}\par" for number, note in enumerate(table.notes, 1)
        ]
    return "\n".join([*lines, r"\end{table}", ""])


def escape(text: str) -> str:
    """Text with the special characters of LaTeX escaped."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def _cell(cell: Cell) -> str:
    text = "--" if cell.text == "-" else escape(cell.text)
    if cell.value is not None and text.startswith("-"):
        text = f"${text[0]}${text[1:]}"
    if cell.interval:
        text += f" ({escape(cell.interval)})"
    return text + (rf"\textsuperscript{{{cell.note}}}" if cell.note else "")
