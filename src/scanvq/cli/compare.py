"""`scanvq compare`: several runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanvq.cli.overwrite_option import OverwriteOption

if TYPE_CHECKING:
    from scanvq.report.tables.table import Table


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Runs made by `scanvq fit`.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Also write compare.html, and every table as CSV and LaTeX, to this folder.",
            show_default=False,
        ),
    ] = None,
    speed: Annotated[
        int | None,
        typer.Option(
            min=1, help="Measure the sampling speed of every run now, with so many scans.", show_default=False
        ),
    ] = None,
    list_only: Annotated[
        bool, typer.Option("--list", help="Only list the runs and their test sets, without scores.")
    ] = False,
    overwrite: OverwriteOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Compare runs on the same test set: scores, cost, and the league of priors on the same codes.

    Runs of different test sets are refused, since their scores cannot be compared. A number that was not
    measured is shown as "-", with a footnote on how to get it. Scores of created scans are compared at equal
    numbers of images only.

    Example: `scanvq compare runs/first runs/second --out comparison`
    """
    from contextlib import ExitStack

    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.comparison.compare import (
        PAGE,
        compared,
        comparison_folder,
        read_runs,
        with_speed,
        write_comparison,
    )
    from scanvq.comparison.same_test_set import check_test_sets
    from scanvq.comparison.tables import listing

    found = read_runs(runs)
    if list_only:
        _print(listing(found))
        return
    check_test_sets(found)
    with ExitStack() as writing:
        folder = None
        if out is not None:
            folder = writing.enter_context(comparison_folder(found, out, overwrite=overwrite))
        if speed is not None:
            progress = ProgressDisplay().progress_for("measure speed")
            found = with_speed(found, speed, device=device, progress=progress)
        for table in compared(found):
            _print(table)
        if folder is not None:
            write_comparison(found, folder, device=device)
    if out is not None:
        print(f"wrote {out / PAGE}")


def _print(table: Table) -> None:
    """A table with its caption and footnotes on the terminal."""
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    console = Console(highlight=False)
    grid = Grid(box=None, pad_edge=False, title=table.caption, title_justify="left", title_style="bold")
    for number, column in enumerate(table.columns):
        numeric = bool(number) and any(row[number].is_number for row in table.rows)
        grid.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in table.rows:
        cells = []
        for cell in row:
            interval = f" ({cell.interval})" if cell.interval else ""
            note = f" [{cell.note}]" if cell.note else ""
            cells.append(Text(f"{cell.text}{interval}{note}", style="bold" if cell.state == "best" else ""))
        grid.add_row(*cells)
    console.print(grid)
    for number, note in enumerate(table.notes, 1):
        console.print(Text(f"[{number}] {note}"))
    console.print()
