"""Compares runs: tables, and a page with pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from scanvq.comparison.compared_run import ComparedRun
from scanvq.comparison.pictures import CREATED, RECONSTRUCTIONS, comparison_sheets
from scanvq.comparison.same_test_set import check_test_sets
from scanvq.comparison.sampling_speed import measure_speed
from scanvq.comparison.tables import comparison_table, leagues, listing
from scanvq.model.model import Model
from scanvq.report.definitions import definitions
from scanvq.report.figures.page_images import PageImages
from scanvq.report.figures.tiles import Sheet
from scanvq.report.tables.latex import latex
from scanvq.report.tables.table import Table
from scanvq.report.templates.rendering import render, style
from scanvq.storage.files import write_bytes, write_text
from scanvq.storage.output_folder import output_folder
from scanvq.types import Progress

PAGE = "compare.html"
FIGURES = "figures"


def read_runs(paths: Sequence[Path]) -> list[ComparedRun]:
    """Reads run directories; runs of the same name are called by their paths."""
    names = [path.resolve().name for path in paths]
    return [
        ComparedRun.read(path, name=str(path) if names.count(name) > 1 else name)
        for path, name in zip(paths, names, strict=True)
    ]


def compared(runs: Sequence[ComparedRun]) -> list[Table]:
    """The main table and the leagues of priors. Raises DifferentTestSets."""
    check_test_sets(runs)
    return [comparison_table(runs, main=True), *leagues(runs)]


def with_speed(
    runs: Sequence[ComparedRun], count: int, *, device: str = "auto", progress: Progress | None = None
) -> list[ComparedRun]:
    """The runs with their sampling speed, measured now.

    Args:
        runs: those without a prior are left as they are.
        count: scans of the batch that is timed.
        device: "auto", "cpu", "cuda" or "mps".
        progress: called with runs done and all.
    """
    measured = []
    for number, run in enumerate(runs, 1):
        if run.prior:
            model = Model.load(run.directory.path, device=device)
            run = replace(run, speed=measure_speed(model, run.directory, count))
        measured.append(run)
        if progress is not None:
            progress(number, len(runs))
    return measured


@contextmanager
def comparison_folder(runs: Sequence[ComparedRun], out: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """The folder for `write_comparison`, see `output_folder`; files that are there are refused at once."""
    tables = [table.name for table in _tables(runs)]
    figures = [f"{FIGURES}/{name}" for name in (RECONSTRUCTIONS, CREATED)]
    names = [f"{name}.{kind}" for name in tables for kind in ("csv", "tex")]
    names += [f"{name}.{kind}" for name in figures for kind in ("png", "svg")]
    with output_folder(out, [*names, PAGE], overwrite=overwrite) as folder:
        yield folder


def write_comparison(runs: Sequence[ComparedRun], folder: Path, *, device: str = "auto") -> None:
    """Writes compare.html, its tables as CSV and LaTeX, and its figures as PNG and SVG.

    Args:
        runs: of one test set.
        folder: that of `comparison_folder`.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        DifferentTestSets: they are not of one test set.
    """
    check_test_sets(runs)
    models = [Model.load(run.directory.path, device=device) for run in runs]
    sheets, missing = comparison_sheets(runs, models)
    html, tables = page_of(runs, sheets, missing)
    for table in tables:
        write_text(folder / f"{table.name}.csv", table.csv())
        write_text(folder / f"{table.name}.tex", latex(table))
    for sheet in sheets:
        drawn = sheet.draw()
        write_bytes(folder / FIGURES / f"{sheet.name}.png", drawn.png)
        write_text(folder / FIGURES / f"{sheet.name}.svg", drawn.svg)
    write_text(folder / PAGE, html)


def page_of(
    runs: Sequence[ComparedRun], sheets: Sequence[Sheet], missing: Sequence[str]
) -> tuple[str, list[Table]]:
    """The page of a comparison, and its tables.

    Args:
        runs: of one test set.
        sheets: pictures.
        missing: why pictures are missing.
    """
    tables = _tables(runs)
    images = PageImages(sheets)
    values = {
        "runs": runs,
        "tables": {table.name: table for table in tables},
        "leagues": [table.name for table in tables if table.name.startswith("league-")],
        "sheets": {sheet.name: sheet for sheet in sheets},
        "missing": missing,
        "uri": images.uri,
        "compressed": images.note,
        "definitions": definitions(),
        "style": style(),
        "version": version("scanvq"),
    }
    return render(PAGE, values), tables


def _tables(runs: Sequence[ComparedRun]) -> list[Table]:
    details = comparison_table(runs, main=False)
    return [*compared(runs), *([details] if details.rows else []), listing(runs)]
