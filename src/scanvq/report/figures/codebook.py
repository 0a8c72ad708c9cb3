"""Codebook use on the test images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scanvq.report.figures.chart import DPI, FIRST, MUTED, WARN, chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def code_use(counts: NDArray[np.int64]) -> Figure:
    """The share of each code in all cells, the most used first, with a line for uniform use.

    Args:
        counts: (K,), occurrences of each code.
    """
    share = 100 * np.sort(counts)[::-1] / max(1, counts.sum())
    size = len(counts)
    with chart(x="codes, the most used first", y="% of all cells") as (figure, axes):
        figure.set_dpi(DPI)
        axes.fill_between(np.arange(size + 1), np.append(share, share[-1]), step="post", color=FIRST)
        axes.axhline(100 / size, color=WARN, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set_xlim(0, size)
        axes.set_ylim(0, max(float(share.max()) * 1.1, 1e-9))
        axes.set_title(
            f"{int((counts > 0).sum())} of {size} used (dashed: uniform use)",
            fontsize=8.5, color=MUTED, loc="left",
        )  # fmt: skip
    return figure
