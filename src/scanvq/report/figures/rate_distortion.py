"""SSIM over bits per pixel: image codecs, the mean image, and the run at its three rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scanvq.evaluation.rates import RATES
from scanvq.report.figures.chart import DPI, FIRST, INK, MUTED, PAPER, chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#8a8f98", "#b58900", "#2e8b57", "#c2477f", "#7a5cc8", "#4a90a4", "#a0522d")
MARKERS = {"raw": "s", "entropy": "D", "prior": "o"}
HIGHEST = 2.0  # times the raw rate: what lies beyond is not shown


def rate_distortion_figure(document: Mapping[str, Any]) -> Figure:
    """The mean SSIM of the same test images by each codec, with 95 % intervals where there are any.

    Args:
        document: the content of rate_distortion.json.
    """
    run = document["run"]
    with chart(x="bits per pixel, whole files", y="SSIM") as (figure, axes):
        figure.set_dpi(DPI)
        for codec, color in zip(document["codecs"].values(), COLORS, strict=False):
            points = sorted(codec["points"], key=lambda point: point["rate"]["value"])
            rates = [point["rate"]["value"] for point in points]
            axes.plot(
                rates, [point["ssim"]["value"] for point in points], color=color, linewidth=1.2,
                marker=".", markersize=4, label=codec["label"],
            )  # fmt: skip
            if all(point["ssim"]["low"] is not None for point in points):
                low, high = ([point["ssim"][side] for point in points] for side in ("low", "high"))
                axes.fill_between(rates, low, high, color=color, alpha=0.15, linewidth=0)
        ssim = run["ssim"]["value"]
        known = {name: run["rate"][name]["value"] for name in RATES if run["rate"][name]["value"] is not None}
        axes.plot([min(known.values()), max(known.values())], [ssim, ssim], color=FIRST, linewidth=1.8)
        for name, rate in known.items():
            axes.plot(
                [rate], [ssim], color=FIRST, marker=MARKERS[name], markersize=6, linestyle="none",
                label=f"this run, {name}",
            )  # fmt: skip
        if document["mean_image"] is not None:
            mean = document["mean_image"]["ssim"]["value"]
            axes.axhline(mean, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="mean image")
        axes.set_xlim(0, HIGHEST * run["rate"]["raw"]["value"])
        axes.set_ylim(top=1.0)
        axes.set_title(f"{document['n']} test images, coded at 8 bits", fontsize=8.5, color=MUTED, loc="left")
        axes.legend(
            fontsize=7, loc="lower right", labelcolor=MUTED, ncols=2,
            facecolor=PAPER, edgecolor=PAPER, framealpha=0.9,
        )  # fmt: skip
    return figure
