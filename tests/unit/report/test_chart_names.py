"""A run that somebody sent may hold any text in its history: a chart's name becomes a file and an id."""

import re

import pytest

from scanvq.report.figures.all import Figures, all_figures
from scanvq.report.page import page
from scanvq.report.report_data import ReportData

HOSTILE = '../../up/<script>alert("x")</script>'


@pytest.fixture(scope="module")
def sent() -> ReportData:
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
def figures(sent: ReportData) -> Figures:
    return all_figures(sent)


def test_a_chart_is_a_file_of_its_own_folder(figures: Figures) -> None:
    name = "prior-up-script-alert-x-script"
    assert set(figures.charts) == {name, f"{name}-last-fifth"}


def test_nothing_in_a_history_becomes_markup(sent: ReportData, figures: Figures) -> None:
    text = page(sent, figures)
    assert "<script" not in text
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
