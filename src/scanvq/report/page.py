"""Renders report data and figures as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from importlib.metadata import version
from typing import Any

from scanvq.evaluation.tokenizer_scores import scores_in
from scanvq.report.adjustments import adjustments
from scanvq.report.figures.all import Figures
from scanvq.report.figures.colors import DIFFERENCE_WHITE
from scanvq.report.labels import description_of, label_of
from scanvq.report.numbers import number
from scanvq.report.report_data import ReportData


def page(report_data: ReportData, figures: Figures) -> str:
    """The HTML of the page; sections without data are left out."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    def chart(name: str, description: str) -> Markup:
        return Markup(figures.charts[name].inline(description))

    environment.filters["number"] = number
    template = environment.from_string(_text("template.html"))
    return template.render(
        report=report_data,
        figures=figures,
        sheets=figures.sheets,
        chart=chart,
        label_of=label_of,
        description_of=description_of,
        cards=_cards(report_data),
        scores=() if report_data.metrics is None else _score_rows(report_data.metrics["tokenizer"]["test"]),
        adjustments=adjustments(report_data.histories.get("tokenizer", ())),
        difference_white=DIFFERENCE_WHITE,
        style=Markup(_text("style.css")),
        version=version("scanvq"),
    )


def _cards(report_data: ReportData) -> list[tuple[str, str, str]]:
    """The numbers at the top: name, value, meaning."""
    if report_data.metrics is None:
        return []
    tokenizer, prior = report_data.metrics["tokenizer"], report_data.metrics["prior"]["test"]
    test = tokenizer["test"]
    scores = [
        (score.label, score.text(values["mean"]), f"{score.meaning}; {score.better} is better")
        for score, values in scores_in(test).values()
    ]
    bits = ("Bits per pixel", f"{tokenizer['bits_per_pixel']:.3g}", "of the codes; a scan has 8 or 16")
    cards = [*scores[:1], bits, *scores[1:], *_codebook_cards(tokenizer["codebook"])]
    if prior is not None:
        size = f"{prior['bits_per_code']:.2f}"
        cards.append(
            ("Bits per code", size, f"under the prior, on {prior['n']:,} test images; lower is better")
        )
    return cards


def _score_rows(test: Mapping[str, Any]) -> list[tuple[str, list[str], str]]:
    """The table of scores: label with unit, the numbers of the distribution, the share above a threshold."""
    rows = []
    for score, values in scores_in(test).values():
        texts = [f"{values[key]:.{score.decimals + 1}f}" for key in ("mean", "std", "p05", "median", "p95")]
        shares = [
            f"{value:.1%} above {key.removeprefix('above_')}"
            for key, value in values.items()
            if key.startswith("above_")
        ]
        label = f"{score.label} ({score.unit})" if score.unit else score.label
        rows.append((label, texts, ", ".join(shares)))
    return rows


def _codebook_cards(codebooks: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    several = len(codebooks) > 1
    return [
        (
            f"Codes used, level {level}" if several else "Codes used",
            f"{book['used']:,} of {book['size']:,}",
            f"perplexity {book['perplexity']:.0f}; the effective number of codes in use",
        )
        for level, book in enumerate(codebooks)
    ]


def _text(name: str) -> str:
    return (resources.files("scanvq.report") / name).read_text(encoding="utf-8")
