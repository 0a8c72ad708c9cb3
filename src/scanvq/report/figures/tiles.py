"""Sheets of pictures: rows of labeled tiles, as PNG, SVG, or laid out by the page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scanvq.report.figures.colors import Pixels
from scanvq.report.figures.rendered_figure import RenderedFigure, data_uri

GAP, LABEL, HEADING = 8, 18, 24
INK, PAPER, FONT = "#14181f", "#fefefd", 12
SMALLEST = 128  # pixels; smaller pictures are enlarged by a whole number
COMPRESSION = 3  # of zlib: on scans as small as 9, in a tenth of the time


@dataclass(frozen=True, kw_only=True, eq=False)
class Tile:
    """One picture.

    Attributes:
        pixels: (H, W) gray or (H, W, 3).
        label: what it is, in a word or two.
        synthetic: a model made it.
        pixelated: its pixels mean something each, and stay squares however large it is shown.
    """

    pixels: Pixels
    label: str = ""
    synthetic: bool = False
    pixelated: bool = False

    @property
    def caption(self) -> str:
        return " · ".join(part for part in (self.label, "SYNTHETIC" if self.synthetic else "") if part)

    @cached_property
    def png(self) -> bytes:
        """The picture itself; a small pixelated one enlarged, since not every printer keeps squares."""
        times = max(1, -(-SMALLEST // max(self.pixels.shape[:2]))) if self.pixelated else 1
        pixels = self.pixels.repeat(times, axis=0).repeat(times, axis=1)
        return _encoded(Image.fromarray(pixels))

    def uri(self) -> str:
        return data_uri(self.png)


@dataclass(frozen=True, kw_only=True)
class Row:
    """Tiles that belong together, under one heading."""

    tiles: tuple[Tile, ...]
    heading: str = ""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Rows of tiles.

    Attributes:
        columns: tiles beside each other; a longer row goes on below.
        fixed: the columns mean something (original | codes | ...), and stay beside each other on any screen.
    """

    name: str
    rows: tuple[Row, ...]
    columns: int = 8
    fixed: bool = False

    def draw(self) -> RenderedFigure:
        """The sheet as PNG and SVG."""
        return RenderedFigure(name=self.name, png=_png(self), svg=_svg(self))


def cell_size(sheet: Sheet) -> tuple[int, int]:
    """(width, height) of every tile of a sheet: the largest picture, enlarged by a whole number if small."""
    shapes = [tile.pixels.shape for row in sheet.rows for tile in row.tiles]
    height, width = max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)
    times = max(1, -(-SMALLEST // max(height, width)))
    return width * times, height * times


def _places(sheet: Sheet) -> tuple[list[tuple[int, str]], list[tuple[int, int, Tile]], tuple[int, int]]:
    """Headings (y, text), tiles (x, y, tile), and the size of the whole."""
    width, height = cell_size(sheet)
    columns = min(sheet.columns, max(len(row.tiles) for row in sheet.rows))
    headings, tiles, top = [], [], GAP
    for row in sheet.rows:
        if row.heading:
            headings.append((top, row.heading))
            top += HEADING
        for number, tile in enumerate(row.tiles):
            x = GAP + number % columns * (width + GAP)
            tiles.append((x, top + number // columns * (height + LABEL), tile))
        top += -(-len(row.tiles) // columns) * (height + LABEL) + GAP
    return headings, tiles, (GAP + columns * (width + GAP), top)


def _png(sheet: Sheet) -> bytes:
    headings, tiles, size = _places(sheet)
    cell = cell_size(sheet)
    page = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(FONT)
    for y, heading in headings:
        pen.text((GAP, y + 4), _fitting(heading, size[0] - 2 * GAP), fill=INK, font=font)
    for x, y, tile in tiles:
        page.paste(Image.fromarray(tile.pixels).convert("RGB").resize(cell, Image.Resampling.NEAREST), (x, y))
        pen.text((x, y + cell[1] + 2), _fitting(tile.caption, cell[0]), fill=INK, font=font)
    return _encoded(page)


def _svg(sheet: Sheet) -> str:
    headings, tiles, (width, height) = _places(sheet)
    cell = cell_size(sheet)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="{FONT}" fill="{INK}">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
    ]
    for y, heading in headings:
        parts.append(f'<text x="{GAP}" y="{y + 16}">{escape(_fitting(heading, width - 2 * GAP))}</text>')
    for x, y, tile in tiles:
        parts.append(
            f'<image x="{x}" y="{y}" width="{cell[0]}" height="{cell[1]}" preserveAspectRatio="none" '
            f'style="image-rendering:pixelated" href="{tile.uri()}"/>'
        )
        caption = escape(_fitting(tile.caption, cell[0]))
        parts.append(f'<text x="{x}" y="{y + cell[1] + 14}">{caption}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=COMPRESSION)
    return buffer.getvalue()


def _fitting(text: str, width: int) -> str:
    """The text, or as much of it as fits in so many pixels."""
    font = ImageFont.load_default(FONT)
    if font.getlength(text) <= width:
        return text
    kept = int(np.searchsorted([font.getlength(text[:n] + "...") for n in range(1, len(text) + 1)], width))
    return text[:kept] + "..."
