"""A rendered figure: the bytes of its files, and its markup for the page."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape

# On the page, these colors of a chart follow the light or dark theme.
THEMED = {
    "#14181f": "var(--ink)",
    "#5b6472": "var(--muted)",
    "#d9dde3": "var(--line)",
    "#fefefd": "var(--card)",
    "#0b6e99": "var(--first)",
    "#d1600a": "var(--second)",
    "#b3261e": "var(--warn)",
}
_IDS = re.compile(r'\bid="([^"]+)"|url\(#([^)]+)\)|href="#([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class RenderedFigure:
    """A figure as files.

    Attributes:
        name: of its files, and in the page.
        png: bytes of the PNG.
        svg: text of the self-contained SVG.
    """

    name: str
    png: bytes
    svg: str

    def inline(self, description: str) -> str:
        """The SVG for a page: themed, with unique ids and a description for screen readers."""
        body = self.svg[self.svg.index("<svg") :]
        body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
        body = _IDS.sub(self._unique_id, body)
        for color, variable in THEMED.items():
            body = body.replace(color, variable)
        body = re.sub(r"font-family: [^;\"]+", "font-family: inherit", body)
        opening = body[: body.index(">") + 1]
        view_box = re.search(r'viewBox="[^"]+"', opening)
        box = view_box.group(0) if view_box else ""
        names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        return f'<svg {names} {box} role="img" aria-label="{escape(description)}">' + body[len(opening) :]

    def _unique_id(self, match: re.Match[str]) -> str:
        text, (name,) = match.group(0), [group for group in match.groups() if group]
        return text.replace(name, f"{self.name}-{name}")


def data_uri(image: bytes, kind: str = "png") -> str:
    """A PNG or JPEG as a data URI."""
    return f"data:image/{kind};base64," + base64.b64encode(image).decode("ascii")
