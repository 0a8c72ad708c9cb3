"""Renders report data and figures as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from markupsafe import Markup

from scanvq.evaluation.score_names import COMPARISON_NAMES
from scanvq.report.adjustments import adjustments
from scanvq.report.answers import answers
from scanvq.report.cautions import cautions
from scanvq.report.definitions import definitions
from scanvq.report.figures.all import Figures
from scanvq.report.figures.colors import DIFFERENCE_WHITE
from scanvq.report.figures.page_images import PageImages
from scanvq.report.labels import description_of, label_of
from scanvq.report.report_data import ReportData
from scanvq.report.tables.run_tables import run_tables
from scanvq.report.templates.rendering import render, style
from scanvq.report.whose_fault import verdict


def page(report_data: ReportData, figures: Figures) -> str:
    """The HTML of the page; sections without data are left out."""

    def chart(name: str, description: str) -> Markup:
        return Markup(figures.charts[name].inline(description))

    images = PageImages(figures.sheets.values())
    samples = _samples(report_data)
    tables = run_tables(report_data)
    values = {
        "report": report_data,
        "parts": _parts(report_data, figures, tables),
        "figures": figures,
        "sheets": figures.sheets,
        "tables": tables,
        "uri": images.uri,
        "compressed": images.note,
        "chart": chart,
        "label_of": label_of,
        "description_of": description_of,
        "answers": answers(report_data),
        "cautions": cautions(report_data),
        "verdict": verdict(samples),
        "refused": list(dict.fromkeys(one["refused"] for one in samples.values() if "refused" in one)),
        "definitions": definitions(),
        "adjustments": adjustments(report_data.histories.get("tokenizer", ())),
        "difference_white": DIFFERENCE_WHITE,
        "style": style(),
        "version": version("scanvq"),
    }
    return render("page.html", values)


def _parts(
    report_data: ReportData, figures: Figures, tables: Mapping[str, Any]
) -> list[tuple[str, str, bool]]:
    """Every section in order: id, title, and whether there is data for it."""
    report, sheets = report_data, figures.sheets
    has_prior = report.model is not None and bool(report.model.prior)
    return [
        ("summary", "Summary", True),
        ("look", "Real, reconstructed, created", "real-reconstructed-created" in sheets),
        ("created", "Created scans: whose fault?", bool(_samples(report))),
        ("novelty", "How new", has_prior or report.audit is not None),
        ("reconstruction", "Reconstruction scores", report.metrics is not None),
        ("rate-distortion", "Image codecs at equal bits", report.rate_distortion is not None),
        ("extremes", "Worst ten", "worst-reconstructions" in sheets),
        ("reconstructions", "Reconstructions", "reconstructions" in sheets),
        ("generated", "Generated scans", "generated" in sheets),
        ("codes", "Generated codes", "generated-codes" in sheets),
        ("completions", "Completions (inpainting)", "completions" in sheets),
        ("data", "Data", report.data is not None),
        ("tokenizer-training", "Training of the tokenizer", "tokenizer" in figures.curves),
        ("codebook", "Codebook use", len(report.usage) > 0),
        ("prior-training", "Training of the prior", "prior" in figures.curves),
        ("decoder-training", "Training of the natural decoder", "decoder" in figures.curves),
        ("progress", "Progress of training", any(name.endswith("-progress") for name in sheets)),
        ("reported", "Reported numbers and ours", _is_reported(report)),
        ("model", "Model", len(report.parameters) > 0),
        ("cost", "Cost", "cost" in tables),
        ("settings", "Settings", True),
        ("environment", "Environment", len(report.environment) > 0),
        ("skipped", "Files left out", report.data is not None),
        ("repeat", "Reproduce this run", bool(report.command or report.original_command)),
        ("definitions", "Definitions", True),
    ]


def _is_reported(report: ReportData) -> bool:
    return bool(report.comparisons or report.assumed or report.expect_note or report.source)


def _samples(report_data: ReportData) -> dict[str, Mapping[str, Any]]:
    samples: Mapping[str, Any] = (report_data.metrics or {}).get("samples", {})
    return {name: samples[name] for name in COMPARISON_NAMES if name in samples}
