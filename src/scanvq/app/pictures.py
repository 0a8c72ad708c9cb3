"""Pictures in the page: PNG files inside of it, so that no file is left behind."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from scanvq.imaging.formats import Provenance
from scanvq.imaging.formats.png import with_text
from scanvq.report.figures.colors import Pixels, gray
from scanvq.report.figures.rendered_figure import data_uri
from scanvq.report.figures.tiles import COMPRESSION

__all__ = ["Figure", "Pixels", "download", "enlarged", "figures_html", "gray", "png", "sentence"]


def png(pixels: Pixels, provenance: Provenance | None = None) -> bytes:
    """Pixels (H, W) or (H, W, 3) as PNG, marked as synthetic if they have a provenance."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=COMPRESSION)
    return buffer.getvalue() if provenance is None else with_text(buffer.getvalue(), str(provenance))


def enlarged(pixels: Pixels, side: int) -> Pixels:
    """Pixels enlarged by a whole factor, as far as the longer side stays at most `side`."""
    factor = max(1, side // max(pixels.shape[:2]))
    return np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)


def download(name: str, content: bytes, kind: str, text: str) -> str:
    """A link that saves `content` as a file, without a request."""
    data = base64.b64encode(content).decode("ascii")
    return f'<a download="{escape(name)}" href="data:{kind};base64,{data}">{escape(text)}</a>'


def sentence(text: str, *, warning: bool = False) -> str:
    """A sentence as a paragraph."""
    return f'<p class="{"warning" if warning else "note"}">{escape(text)}</p>'


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture with its caption.

    Attributes:
        png: the file.
        caption: a few words.
        created: whether it was made by a model, which its caption then says.
        links: HTML of downloads.
        pixelated: whether every pixel is a code.
    """

    png: bytes
    caption: str = ""
    created: bool = False
    links: Sequence[str] = ()
    pixelated: bool = False

    def html(self) -> str:
        """As HTML."""
        mark = '<b class="synthetic">SYNTHETIC</b> ' if self.created else ""
        kind = ' class="pixelated"' if self.pixelated else ""
        links = f"<span>{' · '.join(self.links)}</span>" if self.links else ""
        text = escape(self.caption)
        return (
            f'<figure><img{kind} src="{data_uri(self.png)}" alt="{text}">'
            f"<figcaption>{mark}{text}{links}</figcaption></figure>"
        )


def figures_html(groups: Sequence[Sequence[Figure]], *, wide: bool = False) -> str:
    """Groups of figures; those of one group stay side by side.

    Args:
        groups: in order.
        wide: for a few large pictures, instead of many small ones.
    """
    cards = ("".join(figure.html() for figure in group) for group in groups)
    return (
        f'<div class="sheet{" wide" if wide else ""}">'
        + "".join(f'<div class="group">{card}</div>' for card in cards)
        + "</div>"
    )
