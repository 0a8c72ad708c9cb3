"""A page of each kind, made without training: hand-written data, with long names and wide tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanvq.comparison.compare import page_of
from scanvq.comparison.compared_run import ComparedRun
from scanvq.report.figures.all import all_figures
from scanvq.report.figures.colors import gray
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.report.page import page
from scanvq.report.report_data import ReportData
from scanvq.storage.run_directory import RunDirectory
from tests.unit.report.conftest import bare, metrics, picture, reconstructed, report_data

__all__ = ["bare", "metrics", "reconstructed", "report_data"]  # fixtures
LONG = "a_very_long_name_of_a_run_without_any_blank_in_it_0123456789"


@pytest.fixture(scope="session")
def pages(
    report_data: ReportData, metrics: dict, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    files = {name: folder / f"{name}.html" for name in ("report", "comparison")}
    files["report"].write_text(page(report_data, all_figures(report_data)), encoding="utf-8")
    runs = [
        ComparedRun(
            name=f"{LONG}{number}",
            directory=RunDirectory(folder / str(number)),
            recipe="tiny",
            tokenizer="vqvae",
            prior="gated_pixelcnn",
            tokenizer_id="0123456789abcdef",
            prior_id=str(number),
            test_content="one",
            test_files="one",
            test_counts=(5, 9),
            folder="scans",
            metrics=metrics if number else None,
            audit=None,
            speed=None,
        )
        for number in range(5)
    ]
    tiles = tuple(Tile(pixels=gray(np.tile(picture(n), (4, 4))), synthetic=True) for n in range(8))
    sheets = [Sheet(name="created", rows=(Row(heading=LONG, tiles=tiles),))]
    files["comparison"].write_text(page_of(runs, sheets, ["Created scans: none."])[0], encoding="utf-8")
    return files
