"""Writes the report of a run: one self-contained page, figures and tables as files."""

from __future__ import annotations

from pathlib import Path

from scanvq.model.model import Model
from scanvq.report.card import CardFacts, has_own_edits, model_card
from scanvq.report.figures.all import PROGRESS, all_figures
from scanvq.report.figures.film import film
from scanvq.report.figures.rendered_figure import RenderedFigure
from scanvq.report.gather import gather
from scanvq.report.page import page
from scanvq.report.tables.latex import latex
from scanvq.report.tables.run_tables import run_tables
from scanvq.storage.files import write_bytes, write_text
from scanvq.storage.output_folder import output_folder
from scanvq.storage.run_directory import RunDirectory
from scanvq.types import ProgressFactory


def write_run_report(
    model: Model, directory: RunDirectory, *, progress_for: ProgressFactory, cache: Path | None = None
) -> None:
    """Writes RUN/report.html, its figures and tables as files, and the model card.

    Figures are PNG and SVG, the progress of training also a GIF, tables CSV and LaTeX.

    The files appear together and replace those of the earlier report; these names are the run's own. A model
    card that was edited by hand is left as it is, see `has_own_edits`.

    Args:
        model: of the run; the sections of a missing prior are left out of the page.
        directory: of the run.
        progress_for: returns, for the name of a task, a function of pieces done and all pieces.
        cache: where prepared stores are kept; None = the cache folder of the user.
    """
    report_data = gather(model, directory, progress=progress_for("report"), cache=cache)
    figures = all_figures(report_data, progress=progress_for("figures"))
    with output_folder(directory.path, [directory.report.name], owned=True) as folder:
        new = RunDirectory(folder)
        for figure in figures.charts.values():
            _save(figure, new.figures)
        for sheet in figures.sheets.values():
            _save(sheet.draw(), new.figures)
            if sheet.name.endswith(PROGRESS):
                write_bytes(new.figures / f"{sheet.name}.gif", film(sheet))
        for table in run_tables(report_data).values():
            write_text(new.tables / f"{table.name}.csv", table.csv())
            write_text(new.tables / f"{table.name}.tex", latex(table))
        write_text(new.report, page(report_data, figures))
        if not has_own_edits(directory):
            write_text(new.card, model_card(report_data, CardFacts.read(directory)))


def _save(figure: RenderedFigure, folder: Path) -> None:
    write_bytes(folder / f"{figure.name}.png", figure.png)
    write_text(folder / f"{figure.name}.svg", figure.svg)
