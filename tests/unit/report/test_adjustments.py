"""Adjustments are listed as text, by step and level, and have no curves."""

from __future__ import annotations

from dataclasses import replace

from scanvq.report.adjustments import adjustments
from scanvq.report.figures.all import all_figures
from scanvq.report.figures.curves import curve_names
from scanvq.report.page import page
from scanvq.report.report_data import ReportData

ABOUT = {"epoch": 1.0, "seconds": 1.0, "split": "validation"}
RECORDS = [
    {"step": 17, **ABOUT, "codes_used_1": 400.0, "codes_restarted_1": 112.0, "codes_dead_1": 90.0},
    {"step": 1034, **ABOUT, "codes_restarted_0": 8.0, "codes_restarted_1": 0.0, "decay_1": 0.98},
    {"step": 1051, **ABOUT, "commitment_weight_1": 0.5, "worth_0": 0.001, "top_weight": 1.0},
]


def test_every_adjustment_is_listed() -> None:
    assert adjustments(RECORDS) == [
        "step 17, level 1: 112 codes restarted",
        "step 1,034, level 0: 8 codes restarted",
        "step 1,034, level 1: 0 codes restarted, decay lowered to 0.98",
        "step 1,051, level 1: commitment raised to 0.5",
        "step 1,051: weight of the top-level loss raised to 1",
    ]
    assert adjustments([{"step": 5, **ABOUT, "decay": 0.9}]) == ["step 5: decay lowered to 0.9"]


def test_other_names_and_values_are_ignored() -> None:
    assert (
        adjustments([{"step": 5, **ABOUT, "decayed_1": 0.9, "decay": "<b>", "top\nweight_1": 2.0, "": 1.0}])
        == []
    )


def test_adjustments_have_no_curve() -> None:
    assert curve_names(RECORDS) == ["codes_used_1", "codes_dead_1", "worth_0"]


def test_the_page_lists_them_in_the_codebook_section(report_data: ReportData) -> None:
    adjusted = replace(report_data, histories={"tokenizer": RECORDS})
    text = page(adjusted, all_figures(adjusted))
    section = text[text.index('<section id="codebook">') :].partition("</section>")[0]
    assert "<li>step 17, level 1: 112 codes restarted</li>" in section
    assert "Codebook adjustments" not in page(report_data, all_figures(report_data))
