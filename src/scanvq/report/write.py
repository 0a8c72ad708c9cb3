"""Writes a run's report: one self-contained page, and its figures as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scanvq.report.figures.all import all_figures
from scanvq.report.figures.rendered_figure import RenderedFigure
from scanvq.report.gather import gather
from scanvq.report.page import page
from scanvq.report.trained import Trained
from scanvq.storage.files import whole_file, write_text


def write_run_report(
    run: Trained, *, progress_for: Callable[[str], Callable[[int, int], None]], cache: Path | None = None
) -> None:
    """Writes RUN/report.html, and RUN/figures with each figure as PNG and SVG.

    Args:
        run: with a trained tokenizer at least; whatever else is missing is left out of the page.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.
        cache: where prepared stores are kept; None is the user's cache folder.
    """
    report_data = gather(run, progress=progress_for("report"), cache=cache)
    figures = all_figures(report_data, progress=progress_for("figures"))
    for drawn in figures.charts.values():
        _save(drawn, run.directory.figures)
    for sheet in figures.sheets.values():
        _save(sheet.draw(), run.directory.figures)
    write_text(run.directory.report, page(report_data, figures))


def _save(drawn: RenderedFigure, folder: Path) -> None:
    with whole_file(folder / f"{drawn.name}.png") as temporary:
        temporary.write_bytes(drawn.png)
    write_text(folder / f"{drawn.name}.svg", drawn.svg)
