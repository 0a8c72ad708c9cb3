"""Sheets for the eye: real beside reconstructed beside created, the worst ten, nearest training scans."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from scanvq.report.figures.colors import difference_colors, gray
from scanvq.report.figures.tiles import Row, Sheet, Tile
from scanvq.report.report_data import NearestPair, ReconstructedImage, ReportData

STRIP_WIDTH = 800  # pixels: what a laptop shows beside the text
SHOWN = 6


def comparison_sheets(report_data: ReportData) -> Iterator[Sheet]:
    """The sheets `first-look`, `real-reconstructed-created`, `worst-reconstructions`, `nearest`."""
    rows = tuple(islice(_triples(report_data), SHOWN))
    width = sum(tile.pixels.shape[1] for tile in rows[0].tiles) if rows else STRIP_WIDTH
    columns = max((len(row.tiles) for row in rows), default=0)
    across = max(1, STRIP_WIDTH // width)
    first = rows[: across * (2 if across > 1 else 1)]
    yield Sheet(name="first-look", rows=first, columns=columns, fixed=True, native=True)
    yield Sheet(name="real-reconstructed-created", rows=rows, columns=columns, fixed=True, native=True)
    ranked = tuple(map(_worst, report_data.ranked))
    yield Sheet(name="worst-reconstructions", rows=ranked, columns=3, fixed=True, native=True)
    pairs = tuple(map(_pair, report_data.nearest))
    yield Sheet(name="nearest", rows=pairs, columns=2, fixed=True, native=True)


def _triples(report_data: ReportData) -> Iterator[Row]:
    """Real and reconstructed are one test image; a created scan stands beside them where there is one."""
    created = () if report_data.created is None else report_data.created
    for number, image in enumerate(report_data.reconstructions):
        tiles = [
            Tile(pixels=gray(image.image), label="real"),
            Tile(pixels=gray(image.reconstruction), label="reconstructed"),
        ]
        if number < len(created):
            tiles.append(Tile(pixels=gray(created[number]), label="created", synthetic=True))
        yield Row(tiles=tuple(tiles))


def _worst(image: ReconstructedImage) -> Row:
    return Row(
        heading=f"{image.rank}: SSIM {image.ssim:.3f} · {image.name}",
        tiles=(
            Tile(pixels=gray(image.image), label="original"),
            Tile(pixels=gray(image.reconstruction), label="reconstruction"),
            Tile(pixels=difference_colors(image.image, image.reconstruction), label="difference"),
        ),
    )


def _pair(pair: NearestPair) -> Row:
    p = "" if pair.p is None else f" · p = {pair.p:.2g}"
    return Row(
        heading=f"{'COPY' if pair.copy else 'no copy'}{p} · {pair.name}",
        tiles=(
            Tile(pixels=gray(pair.created), label="created", synthetic=True),
            Tile(pixels=gray(pair.nearest), label="nearest training scan"),
        ),
    )
