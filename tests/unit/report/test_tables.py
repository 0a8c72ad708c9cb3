from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from scanvq.report.report_data import ReportData
from scanvq.report.tables.latex import escape, latex
from scanvq.report.tables.markdown import markdown
from scanvq.report.tables.nested import nested_table
from scanvq.report.tables.run_tables import bits_per_pixel, run_tables
from scanvq.report.tables.table import Cell, Table, figure, words


@pytest.fixture
def table() -> Table:
    return Table(
        name="odd_name",
        caption="Share in % of A & B.",
        columns=("what", "value_1", "n"),
        rows=(
            (words("50% #1_{x}~^\\"), figure(-0.12345, low=-0.2, high=0.1), figure(12345, 0)),
            (words("a | b"), figure(None, note=1), figure(None)),
        ),
        notes=("run `x_y`",),
    )


def test_latex_escapes_every_special_character(table: Table) -> None:
    text = latex(table)
    assert r"50\% \#1\_\{x\}\textasciitilde{}\textasciicircum{}\textbackslash{} & " in text
    assert r"$-$0.123 (-0.200 to 0.100) & 12,345 \\" in text
    assert r"\caption{Share in \% of A \& B.}" in text
    assert r"a \textbar{} b & --\textsuperscript{1} & -- \\" in text
    assert r"\textsuperscript{1} run `x\_y`" in text
    assert r"\begin{tabular}{lrr}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert escape("&%$#_{}") == r"\&\%\$\#\_\{\}"


def test_csv_has_full_precision_and_columns_for_intervals(table: Table) -> None:
    rows = list(csv.reader(io.StringIO(table.csv())))
    assert rows[0] == ["what", "value_1", "value_1 low", "value_1 high", "n"]
    assert rows[1] == ["50% #1_{x}~^\\", "-0.12345", "-0.2", "0.1", "12345"]
    assert rows[2] == ["a | b", "", "", "", ""]


def test_markdown_keeps_cells_apart(table: Table) -> None:
    lines = markdown(table).splitlines()
    assert lines[1] == "| --- | ---: | ---: |"
    assert lines[2].endswith("| -0.123 (-0.200 to 0.100) | 12,345 |")
    assert lines[3] == "| a \\| b | -<sup>1</sup> | - |"
    assert lines[-1] == "<sup>1</sup> run \\`x\\_y\\`"


def test_interval_has_the_decimals_of_its_number() -> None:
    assert figure(1234.5, 1, low=1000, high=2000.04).interval == "1,000.0 to 2,000.0"
    assert Cell(text="words").interval == ""


def test_tables_of_a_run(report_data: ReportData) -> None:
    tables = run_tables(report_data)
    assert list(tables) == [
        "splits",
        "reconstruction-scores",
        "rate",
        "codebook",
        "sample-scores",
        "band-errors",
        "cost",
        "audit",
    ]
    scores = tables["sample-scores"]
    assert scores.columns[2:] == (
        "samples against reconstructions",
        "reconstructions against real scans",
        "samples against real scans",
        "floor",
        "blurred",
    )
    rows = {(row[0].text, row[1].text): row for row in scores.rows}
    assert [cell.value for cell in rows["AUC", "network"][2:]] == [0.9, 0.6, 0.95, 0.52, 0.97]
    assert [cell.state for cell in rows["AUC", "network"][2:5]] == ["worse", "fine", "worse"]
    assert rows["Frechet distance", "network"][2].note == 1
    assert scores.notes == ("TooFewSubjects: too few",)
    assert [cell.text for cell in tables["audit"].rows[0]] == ["2", "1", "0.500", "-"]


def test_a_distribution_with_an_interval_shows_it(report_data: ReportData, metrics: dict) -> None:
    test = metrics["tokenizer"]["test"]
    wider = {**test, "ssim": {**test["ssim"], "low": 0.69, "high": 0.73}}
    metrics = {**metrics, "tokenizer": {**metrics["tokenizer"], "test": wider}}
    table = run_tables(replace(report_data, metrics=metrics))["reconstruction-scores"]
    assert table.rows[0][1].interval == "0.6900 to 0.7300"


def test_rates_are_those_that_were_measured(metrics: dict) -> None:
    assert bits_per_pixel(metrics) == {"raw": 0.1875, "prior": 0.09}
    entropy = {"value": 0.15, "low": 0.14, "high": 0.16}
    refused = {"value": None, "low": None, "high": None, "refused": "NoLikelihood: none"}
    rate = {"raw": 0.1875, "entropy": entropy, "prior": refused}
    measured = {**metrics, "prior": {"test": None}, "rate": rate}
    assert bits_per_pixel(measured) == {"raw": 0.1875, "entropy": 0.15}
    assert bits_per_pixel({**metrics, "prior": {"test": None}}) == {"raw": 0.1875}


def test_new_numbers_need_no_code(report_data: ReportData, metrics: dict) -> None:
    groups = {"label": {"AD": {"n": 4, "subjects": 2, "ssim": {"mean": 0.7, "low": 0.6, "high": 0.8}}}}
    later = {
        **metrics,
        "tokenizer": {**metrics["tokenizer"], "groups": groups},
        "samples": {
            **metrics["samples"],
            "tstr": {"auc": {"value": 0.8, "low": 0.7, "high": 0.9, "floor": 0.85}},
        },
    }
    tables = run_tables(replace(report_data, metrics=later))
    (row,) = tables["reconstruction-groups"].rows
    assert (row[0].text, row[1].interval, row[2].text) == ("label · AD · SSIM", "0.600 to 0.800", "4")
    assert [cell.text for cell in tables["samples-tstr"].rows[0]] == ["AUC", "0.800", "0.850"]


def test_a_refused_number_of_a_nested_part_is_its_reason() -> None:
    table = nested_table("x", "X.", {"a": {"value": None, "refused": "TooFewImages: 3"}, "b": 2, "c": True})
    assert [[cell.text for cell in row] for row in table.rows] == [["a", "TooFewImages: 3"], ["b", "2"]]
