"""Writes a run's report: one self-contained page, and its figures as files."""

from __future__ import annotations

from pathlib import Path

from scanvq.model.model import Model
from scanvq.report.figures.all import all_figures
from scanvq.report.figures.rendered_figure import RenderedFigure
from scanvq.report.gather import gather
from scanvq.report.page import page
from scanvq.storage.files import atomic_write, write_text
from scanvq.storage.run_directory import RunDirectory
from scanvq.types import ProgressFactory


def write_run_report(
    model: Model, directory: RunDirectory, *, progress_for: ProgressFactory, cache: Path | None = None
) -> None:
    """Writes RUN/report.html, and RUN/figures with each figure as PNG and SVG.

    Args:
        model: of the run; what is missing beside its tokenizer is left out of the page.
        directory: of the run.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.
        cache: where prepared stores are kept; None is the user's cache folder.
    """
    report_data = gather(model, directory, progress=progress_for("report"), cache=cache)
    figures = all_figures(report_data, progress=progress_for("figures"))
    for drawn in figures.charts.values():
        _save(drawn, directory.figures)
    for sheet in figures.sheets.values():
        _save(sheet.draw(), directory.figures)
    write_text(directory.report, page(report_data, figures))


def _save(drawn: RenderedFigure, folder: Path) -> None:
    with atomic_write(folder / f"{drawn.name}.png") as temporary:
        temporary.write_bytes(drawn.png)
    write_text(folder / f"{drawn.name}.svg", drawn.svg)
