"""A received run may have any text in its history: the name of a chart becomes a file and an id."""

import re

import pytest

from scanvq.report.figures.all import Figures, all_figures
from scanvq.report.page import page
from scanvq.report.report_data import ReportData

HOSTILE = '../../up/<script>alert("x")</script>'


@pytest.fixture(scope="module")
def received() -> ReportData:
    record = {"step": 1, "epoch": 1.0, "seconds": 1.0, "split": "train", HOSTILE: 1.0}
    return ReportData(
        title=HOSTILE,
        summary=HOSTILE,
        run=HOSTILE,
        command=HOSTILE,
        recipe=HOSTILE,
        missing=(HOSTILE,),
        histories={"prior": [record]},
    )


@pytest.fixture(scope="module")
def figures(received: ReportData) -> Figures:
    return all_figures(received)


def test_a_chart_stays_in_its_folder(figures: Figures) -> None:
    name = "prior-up-script-alert-x-script"
    assert set(figures.charts) == {name, f"{name}-last-fifth"}


def test_text_in_a_history_does_not_become_markup(received: ReportData, figures: Figures) -> None:
    text = page(received, figures)
    assert "<script" not in text
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
