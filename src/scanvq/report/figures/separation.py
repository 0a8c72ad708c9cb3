"""How well classifiers tell both sides of each comparison of created scans apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanvq.evaluation.score_names import COMPARISON_NAMES, is_worse_than_floor
from scanvq.report.figures.chart import DPI, FIRST, MUTED, SECOND, chart
from scanvq.report.whose_fault import TELLS_APART

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class SeparationRow:
    """The AUC of one classifier in one comparison.

    Attributes:
        comparison: its key in metrics.json.
        space: of the classifier.
        value, low, high, floor: the AUC.
    """

    comparison: str
    space: str
    value: float
    low: float | None
    high: float | None
    floor: float | None


def separations(samples: Mapping[str, Any]) -> list[SeparationRow]:
    """Every AUC of metrics.json's `samples` that has a value."""
    return [
        SeparationRow(
            comparison=name,
            space=space,
            value=score["value"],
            low=score.get("low"),
            high=score.get("high"),
            floor=score.get("floor"),
        )
        for name in COMPARISON_NAMES
        for space, score in samples.get(name, {}).get(TELLS_APART, {}).items()
        if score.get("value") is not None
    ]


def separation_chart(rows: Sequence[SeparationRow]) -> Figure:
    """A line for each classifier: its AUC with interval, and the floor as a tick.

    Args:
        rows: grouped by comparison.
    """
    with chart(x="AUC (.5: not told apart, 1: always)", y="") as (figure, axes):
        figure.set_dpi(DPI)
        figure.set_size_inches(4.6, 0.7 + 0.24 * len(rows) + 0.34 * len({row.comparison for row in rows}))
        height, ticks = 0.0, list[tuple[float, str]]()
        before = ""
        for row in rows:
            if row.comparison != before:
                height += 0.9
                names = COMPARISON_NAMES[row.comparison]
                axes.text(0.0, height, f"{names.title}: {names.fault}", fontsize=7.8, va="center")
                height, before = height + 0.9, row.comparison
            score = {"low": row.low, "high": row.high, "floor": row.floor}
            color = SECOND if is_worse_than_floor(TELLS_APART, score) else FIRST
            axes.plot([0.5] * 2, [height - 0.43, height + 0.43], color=MUTED, linewidth=0.8, linestyle=":")
            if row.floor is not None:
                axes.plot([row.floor] * 2, [height - 0.36, height + 0.36], color=MUTED, linewidth=1.6)
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [height] * 2, color=color, linewidth=2.2)
            axes.plot([row.value], [height], "o", color=color, markersize=5)
            ticks.append((height, row.space))
            height += 0.85
        axes.set_yticks([position for position, _ in ticks], [name for _, name in ticks])
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(height + 0.1, 0.3)
        axes.grid(False, axis="y")
    return figure
