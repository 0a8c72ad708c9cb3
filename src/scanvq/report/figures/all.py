"""Every figure of a page, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np

from scanvq.report.figures.chart import draw
from scanvq.report.figures.codebook import code_use
from scanvq.report.figures.colors import gray
from scanvq.report.figures.curves import curve, curve_names
from scanvq.report.figures.panels import code_tiles, panel_row
from scanvq.report.figures.rendered_figure import RenderedFigure
from scanvq.report.figures.scores import ssim_histogram
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.report.labels import label_of
from scanvq.report.report_data import Completed, Generated, Moments, Rebuilt, ReportData

CODES_SHOWN = 6
MOMENT_TILES = 6


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of a page.

    Attributes:
        charts: by name, drawn.
        curves: stage to (number, name of its chart, name of its last fifth's chart).
        sheets: by name.
    """

    charts: Mapping[str, RenderedFigure]
    curves: Mapping[str, tuple[tuple[str, str, str], ...]]
    sheets: Mapping[str, Sheet]


def all_figures(report_data: ReportData, *, progress: Callable[[int, int], None] | None = None) -> Figures:
    """Draws what there is to draw.

    Args:
        material: of the page.
        progress: called with charts drawn and all.
    """
    curves = {
        stage: tuple(
            (name, _name(stage, name), _name(stage, name, "last fifth")) for name in curve_names(records)
        )
        for stage, records in report_data.histories.items()
        if records
    }
    total = 2 * sum(map(len, curves.values())) + (report_data.ssim is not None) + len(report_data.usage)
    charts: dict[str, RenderedFigure] = {}
    for drawn in _charts(report_data, curves):
        charts[drawn.name] = drawn
        if progress is not None:
            progress(len(charts), total)
    sheets = {sheet.name: sheet for sheet in _sheets(report_data) if any(row.tiles for row in sheet.rows)}
    return Figures(charts=charts, curves=curves, sheets=sheets)


def _charts(
    report_data: ReportData, curves: Mapping[str, tuple[tuple[str, str, str], ...]]
) -> Iterator[RenderedFigure]:
    for stage, names in curves.items():
        for name, whole, last in names:
            records, label = report_data.histories[stage], label_of(name)
            yield draw(curve(records, name, label=label), whole)
            yield draw(curve(records, name, label=label, last_fifth=True), last)
    if report_data.ssim is not None:
        yield draw(ssim_histogram(report_data.ssim), "ssim-histogram")
    for level, counts in enumerate(report_data.usage):
        yield draw(code_use(counts), f"codebook-{level}")


def _name(*words: str) -> str:
    """A chart's name, which its files and ids share: letters, digits and dashes, whatever a history holds."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")


def _sheets(report_data: ReportData) -> Iterator[Sheet]:
    yield Sheet(
        name="contact-sheet",
        rows=tuple(
            Row(heading=split, tiles=tuple(Tile(pixels=gray(example.image)) for example in examples))
            for split, examples in report_data.examples.items()
        ),
    )
    for name, shown in (("reconstructions", report_data.rebuilt), ("best-median-worst", report_data.ranked)):
        rows = tuple(_panel(one, report_data.codebook_sizes) for one in shown)
        yield Sheet(
            name=name, rows=rows, columns=max((len(row.tiles) for row in rows), default=0), fixed=True
        )
    yield Sheet(name="generated", rows=tuple(chain.from_iterable(map(_beside_real, report_data.generated))))
    yield Sheet(
        name="generated-codes",
        rows=_with_codes(report_data),
        columns=1 + len(report_data.codebook_sizes),
        fixed=True,
    )
    most = max((len(one.completions) for one in report_data.completed), default=0)
    rows = tuple(map(_completion, report_data.completed))
    yield Sheet(name="completions", rows=rows, columns=2 + most, fixed=True)
    for stage, moments in report_data.progress.items():
        rows = _moments(stage, moments)
        most = max((len(row.tiles) for row in rows), default=0)
        yield Sheet(name=f"{stage}-progress", rows=rows, columns=most, fixed=True)


def _panel(one: Rebuilt, codebook_sizes: tuple[int, ...]) -> Row:
    rank = f"{one.rank}: " if one.rank else ""
    return panel_row(
        one.image,
        one.codes,
        one.reconstruction,
        codebook_sizes=codebook_sizes,
        coarsest=one.coarsest,
        heading=f"{rank}SSIM {one.ssim:.3f} · {one.name}",
    )


def _beside_real(one: Generated) -> Iterator[Row]:
    label = f" · {one.label}" if one.label else ""
    yield Row(
        heading=f"generated (synthetic){label}",
        tiles=tuple(Tile(pixels=gray(image), synthetic=True) for image in one.images),
    )
    if len(one.real):
        tiles = tuple(Tile(pixels=gray(image), label="real") for image in one.real)
        yield Row(heading=f"real test scans{label}", tiles=tiles)


def _with_codes(report_data: ReportData) -> tuple[Row, ...]:
    each = -(-CODES_SHOWN // max(1, len(report_data.generated)))
    return tuple(
        Row(
            tiles=(
                *code_tiles(
                    [level[n] for level in one.codes],
                    codebook_sizes=report_data.codebook_sizes,
                    synthetic=True,
                ),
                Tile(pixels=gray(one.images[n]), label="decoded", synthetic=True),
            ),
            heading=one.label,
        )
        for one in report_data.generated
        for n in range(min(each, len(one.images)))
    )


def _completion(one: Completed) -> Row:
    return Row(
        tiles=(
            Tile(pixels=gray(one.image), label="original"),
            Tile(pixels=gray(one.given), label="given"),
            *(Tile(pixels=gray(image), label="", synthetic=True) for image in one.completions),
        ),
        heading=one.name,
    )


def _moments(stage: str, moments: Moments) -> tuple[Row, ...]:
    """One row a moment; a tokenizer's pictures are originals, then as many reconstructions."""
    rows = []
    for step, images in moments:
        shown = images[len(images) // 2 :] if stage == "tokenizer" else images
        tiles = tuple(
            Tile(pixels=np.ascontiguousarray(image), synthetic=stage == "prior")
            for image in shown[:MOMENT_TILES]
        )
        rows.append(Row(tiles=tiles, heading=f"step {step:,}"))
    if stage == "tokenizer" and moments:
        originals = moments[-1][1]
        kept = originals[: len(originals) // 2][:MOMENT_TILES]
        rows.append(Row(tiles=tuple(Tile(pixels=np.ascontiguousarray(i)) for i in kept), heading="originals"))
    return tuple(rows)
