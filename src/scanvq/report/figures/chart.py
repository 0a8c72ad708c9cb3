"""The common style of all charts, and a chart as files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scanvq.report.figures.rendered_figure import RenderedFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE, PAPER = "#14181f", "#5b6472", "#d9dde3", "#fefefd"
FIRST, SECOND, WARN = "#0b6e99", "#d1600a", "#b3261e"
SIZE = (4.2, 2.7)  # inches: readable at a phone's width, two beside each other on a laptop
DPI = 160


@contextmanager
def chart(*, x: str, y: str) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one pair of labeled axes to draw on.

    Args:
        x: label of the x axis.
        y: label of the y axis.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": 9, "svg.fonttype": "none", "text.color": INK}):
        figure = Figure(figsize=SIZE, layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot(facecolor=PAPER)
        axes.set_xlabel(x, color=MUTED)
        axes.set_ylabel(y, color=MUTED)
        axes.tick_params(colors=MUTED, length=0, labelsize=8)
        axes.grid(True, axis="y", color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(LINE)
        yield figure, axes


def draw(figure: Figure, name: str) -> RenderedFigure:
    """A chart as PNG and SVG, deterministic bytes."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    png, svg = io.BytesIO(), io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": f"scanvq-{name}"}):
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
        figure.set_layout_engine("none")  # the SVG keeps the layout of the PNG
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    return RenderedFigure(name=name, png=png.getvalue(), svg=svg.getvalue())
