"""Every figure of a page, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from scanvq.report.figures.chart import draw
from scanvq.report.figures.codebook import code_use
from scanvq.report.figures.colors import gray
from scanvq.report.figures.comparison_sheets import comparison_sheets
from scanvq.report.figures.curves import curve, curve_names
from scanvq.report.figures.panels import code_tiles, panel_row
from scanvq.report.figures.rate_distortion import rate_distortion_figure
from scanvq.report.figures.rendered_figure import RenderedFigure
from scanvq.report.figures.scores import ssim_histogram
from scanvq.report.figures.separation import SeparationRow, separation_chart, separations
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.report.labels import label_of
from scanvq.report.report_data import (
    GeneratedImages,
    InpaintedImage,
    ProgressImages,
    ReconstructedImage,
    ReportData,
)

CODES_SHOWN = 6
PROGRESS_TILES = 6
PROGRESS = "-progress"  # after the name of a stage: the sheet of its pictures during training


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of a page.

    Attributes:
        charts: by name.
        curves: (number, name of the chart of all epochs, name of the chart of the last fifth), by stage.
        sheets: by name.
    """

    charts: Mapping[str, RenderedFigure]
    curves: Mapping[str, tuple[tuple[str, str, str], ...]]
    sheets: Mapping[str, Sheet]


def all_figures(report_data: ReportData, *, progress: Callable[[int, int], None] | None = None) -> Figures:
    """Draws the figures for which there is data.

    Args:
        report_data: of the page.
        progress: called with the number of finished charts and of all charts.
    """
    curves = {
        stage: tuple(
            (name, _name(stage, name), _name(stage, name, "last fifth")) for name in curve_names(records)
        )
        for stage, records in report_data.histories.items()
        if records
    }
    single = sum(data is not None for data in (report_data.ssim, report_data.rate_distortion))
    samples = separations((report_data.metrics or {}).get("samples", {}))
    total = 2 * sum(map(len, curves.values())) + single + len(report_data.usage) + bool(samples)
    charts: dict[str, RenderedFigure] = {}
    for figure in chain(_charts(report_data, curves), _separation_charts(samples)):
        charts[figure.name] = figure
        if progress is not None:
            progress(len(charts), total)
    sheets = {sheet.name: sheet for sheet in _sheets(report_data) if any(row.tiles for row in sheet.rows)}
    return Figures(charts=charts, curves=curves, sheets=sheets)


def _charts(
    report_data: ReportData, curves: Mapping[str, tuple[tuple[str, str, str], ...]]
) -> Iterator[RenderedFigure]:
    for stage, names in curves.items():
        for name, all_epochs, last_fifth in names:
            records, label = report_data.histories[stage], label_of(name)
            yield draw(curve(records, name, label=label), all_epochs)
            yield draw(curve(records, name, label=label, last_fifth=True), last_fifth)
    if report_data.ssim is not None:
        yield draw(ssim_histogram(report_data.ssim), "ssim-histogram")
    if report_data.rate_distortion is not None:
        yield draw(rate_distortion_figure(report_data.rate_distortion), "rate-distortion")
    for level, counts in enumerate(report_data.usage):
        yield draw(code_use(counts), f"codebook-{level}")


def _separation_charts(found: Sequence[SeparationRow]) -> Iterator[RenderedFigure]:
    if found:
        yield draw(separation_chart(found), "separation")


def _name(*parts: str) -> str:
    """The name of a chart, for its files and ids: letters, digits and dashes for any text in a history."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")


def _sheets(report_data: ReportData) -> Iterator[Sheet]:
    yield from comparison_sheets(report_data)
    yield Sheet(
        name="contact-sheet",
        rows=tuple(
            Row(heading=split, tiles=tuple(Tile(pixels=gray(example.image)) for example in examples))
            for split, examples in report_data.examples.items()
        ),
    )
    rows = tuple(_panel(image, report_data.codebook_sizes) for image in report_data.reconstructions)
    columns = max((len(row.tiles) for row in rows), default=0)
    yield Sheet(name="reconstructions", rows=rows, columns=columns, fixed=True)
    yield Sheet(
        name="generated", rows=tuple(chain.from_iterable(map(_samples_and_real, report_data.generated)))
    )
    yield Sheet(
        name="generated-codes",
        rows=_with_codes(report_data),
        columns=1 + len(report_data.codebook_sizes),
        fixed=True,
    )
    longest = max((len(image.completions) for image in report_data.inpainted), default=0)
    rows = tuple(map(_completion, report_data.inpainted))
    yield Sheet(name="completions", rows=rows, columns=2 + longest, fixed=True)
    for stage, pictures in report_data.progress.items():
        rows = _progress_rows(stage, pictures)
        columns = max((len(row.tiles) for row in rows), default=0)
        yield Sheet(name=f"{stage}{PROGRESS}", rows=rows, columns=columns, fixed=True)


def _panel(reconstructed: ReconstructedImage, codebook_sizes: tuple[int, ...]) -> Row:
    return panel_row(
        reconstructed.image,
        reconstructed.codes,
        reconstructed.reconstruction,
        codebook_sizes=codebook_sizes,
        coarsest=reconstructed.coarsest,
        heading=f"SSIM {reconstructed.ssim:.3f} · {reconstructed.name}",
    )


def _samples_and_real(samples: GeneratedImages) -> Iterator[Row]:
    label = f" · {samples.label}" if samples.label else ""
    yield Row(
        heading=f"generated (synthetic){label}",
        tiles=tuple(Tile(pixels=gray(image), synthetic=True) for image in samples.images),
    )
    if len(samples.real):
        tiles = tuple(Tile(pixels=gray(image), label="real") for image in samples.real)
        yield Row(heading=f"real test scans{label}", tiles=tiles)


def _with_codes(report_data: ReportData) -> tuple[Row, ...]:
    per_label = -(-CODES_SHOWN // max(1, len(report_data.generated)))
    return tuple(
        Row(
            tiles=(
                *code_tiles(
                    [level[n] for level in samples.codes],
                    codebook_sizes=report_data.codebook_sizes,
                    synthetic=True,
                ),
                Tile(pixels=gray(samples.images[n]), label="decoded", synthetic=True),
            ),
            heading=samples.label,
        )
        for samples in report_data.generated
        for n in range(min(per_label, len(samples.images)))
    )


def _completion(inpainted: InpaintedImage) -> Row:
    return Row(
        tiles=(
            Tile(pixels=gray(inpainted.image), label="original"),
            Tile(pixels=gray(inpainted.given), label="given"),
            *(Tile(pixels=gray(image), label="", synthetic=True) for image in inpainted.completions),
        ),
        heading=inpainted.name,
    )


def _progress_rows(stage: str, pictures: ProgressImages) -> tuple[Row, ...]:
    """One row per step; the pictures of a tokenizer are originals, then as many reconstructions."""
    rows = []
    for step, images in pictures:
        visible = images[len(images) // 2 :] if stage == "tokenizer" else images
        tiles = tuple(
            Tile(pixels=np.ascontiguousarray(image), synthetic=stage != "tokenizer")
            for image in visible[:PROGRESS_TILES]
        )
        rows.append(Row(tiles=tiles, heading=f"step {step:,}"))
    if stage == "tokenizer" and pictures:
        originals = pictures[-1][1]
        first = originals[: len(originals) // 2][:PROGRESS_TILES]
        tiles = tuple(Tile(pixels=np.ascontiguousarray(image)) for image in first)
        rows.append(Row(tiles=tiles, heading="originals"))
    return tuple(rows)
