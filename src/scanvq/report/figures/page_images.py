"""The images of a page as data URIs, compressed where the page would become too large."""

from __future__ import annotations

import io
from collections.abc import Iterable

from PIL import Image

from scanvq.report.figures.rendered_figure import data_uri
from scanvq.report.figures.tiles import Sheet, Tile

LIMIT = 7 * 2**20
"""Bytes of all images of a page as base64: with charts and text it stays below 10 MB."""
QUALITIES = (90, 75, 60)
SHRUNK = 320  # pixels, of the longer side, where the lowest quality is still too large


class PageImages:
    """Images as data URIs: exact where all fit together, else as JPEG of the best quality that fits.

    Args:
        sheets: all sheets of the page.

    Attributes:
        note: what was done to the images, for the reader; "" if they are exact.
    """

    def __init__(self, sheets: Iterable[Sheet]) -> None:
        tiles = [tile for sheet in sheets for row in sheet.rows for tile in row.tiles]
        self._quality: int | None = None
        self._longest: int | None = None
        self.note = ""
        for quality, longest in ((None, None), *((q, None) for q in QUALITIES), (QUALITIES[-1], SHRUNK)):
            self._quality, self._longest = quality, longest
            if sum(len(self.uri(tile)) for tile in tiles) <= LIMIT:
                break
        if self._quality is not None:
            smaller = "" if self._longest is None else f", at most {self._longest} pixels long"
            self.note = (
                f"The images on this page are compressed (JPEG, quality {self._quality}{smaller}), to "
                f"keep it "
                "small; the files in figures are exact."
            )

    def uri(self, tile: Tile) -> str:
        """A tile as a data URI; codes are always exact."""
        if self._quality is None or tile.pixelated:
            return tile.uri()
        image = Image.fromarray(tile.pixels)
        if self._longest is not None:
            image.thumbnail((self._longest, self._longest))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=self._quality)
        return data_uri(buffer.getvalue(), "jpeg")
