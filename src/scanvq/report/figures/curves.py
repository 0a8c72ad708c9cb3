"""Training curves: a number of a stage over all epochs, and over the last fifth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scanvq.report.adjustments import is_adjustment
from scanvq.report.figures.chart import DPI, FIRST, MUTED, SECOND, chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECORD_KEYS = ("step", "epoch", "seconds", "split")
LAST_FIFTH = 0.8
Records = Sequence[Mapping[str, Any]]


def curve_names(records: Records) -> list[str]:
    """The numbers in a history, in order of first appearance.

    A loss equal to another number is left out, and adjustments, which the page lists as text.
    """
    found = dict.fromkeys(name for record in records for name in record if name not in RECORD_KEYS)
    names = [name for name in found if not is_adjustment(name)]
    values = {name: [record.get(name) for record in records] for name in names}
    return [
        name
        for name in names
        if not (name == "loss" and any(values[other] == values[name] for other in names if other != name))
    ]


def curve(records: Records, name: str, *, label: str, last_fifth: bool = False) -> Figure:
    """One number over the epochs, training and validation.

    Args:
        records: of one stage's history.
        name: of the number in the records.
        label: of the y axis.
        last_fifth: show only the last fifth of training.
    """
    found = [record for record in records if _finite(record.get(name))]
    last = max((record["epoch"] for record in found), default=0.0)
    first_epoch = last * LAST_FIFTH if last_fifth else 0.0
    with chart(x="epoch", y=label) as (figure, axes):
        figure.set_dpi(DPI)
        lines = 0
        for split, color, width, name_of_split in (
            ("train", FIRST, 1.2, "training"),
            ("validation", SECOND, 1.8, "validation"),
        ):
            points = [
                (r["epoch"], r[name]) for r in found if r["split"] == split and r["epoch"] >= first_epoch
            ]
            if not points:
                continue
            x, y = zip(*points, strict=True)
            marker = "o" if len(points) < 15 else None
            axes.plot(x, y, color=color, linewidth=width, label=name_of_split, marker=marker, markersize=3)
            lines += 1
        axes.set_title("last fifth" if last_fifth else "all epochs", fontsize=8.5, color=MUTED, loc="left")
        axes.margins(x=0.02)
        if lines:
            axes.legend(
                frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0),
                borderaxespad=0.0, labelcolor=MUTED, handlelength=1.4, columnspacing=1.0,
            )  # fmt: skip
    return figure


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and value == value and abs(value) != float("inf")
