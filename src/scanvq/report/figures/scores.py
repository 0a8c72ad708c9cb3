"""The distribution of SSIM over the test images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scanvq.report.figures.chart import DPI, FIRST, INK, MUTED, WARN, chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THRESHOLD = 0.6
BINS = 40


def ssim_histogram(ssim: NDArray[np.float64]) -> Figure:
    """A histogram with the threshold .6 of the reports and the share of images above it.

    Args:
        ssim: (n,), of each image.
    """
    low = min(0.55, float(ssim.min()))
    bins = np.linspace(low - 0.02, 1.0, BINS + 1).tolist()
    above = float((ssim > THRESHOLD).mean())
    with chart(x="SSIM of an image", y="test images") as (figure, axes):
        figure.set_dpi(DPI)
        axes.hist(np.clip(ssim, None, 1.0), bins=bins, color=FIRST, edgecolor="#fefefd", linewidth=0.5)
        axes.axvline(THRESHOLD, color=WARN, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.axvline(float(ssim.mean()), color=INK, linewidth=1.2)
        axes.margins(y=0.12)
        axes.set_title(
            f"{above:.0%} of {len(ssim)} above {THRESHOLD:g} (dashed); mean {ssim.mean():.3f} (solid)",
            fontsize=8.5, color=MUTED, loc="left",
        )  # fmt: skip
    return figure
