"""What `fit` does with a few samples at its end: scores and the audit, or in one line why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scanvq.cli.audit_summary import audit_line
from scanvq.cli.sample_summary import short_summary

if TYPE_CHECKING:
    from scanvq.api import Run
    from scanvq.cli.progress_display import ProgressDisplay


def short_form(run: Run, display: ProgressDisplay) -> list[str]:
    """Scores and audits a few samples of an evaluated run. Returns lines for the terminal.

    Ctrl-C ends these alone: what is finished is in metrics.json, and the run goes on to its report.
    """
    from scanvq.metrics.refusal import Refusal
    from scanvq.model.sample import BATCH

    count = BATCH
    try:
        scores = run.evaluate_samples_briefly(progress_for=display.progress_for)
        lines, count = short_summary(scores), _count(scores)
    except Refusal as refusal:
        lines = [f"samples not scored, {refusal.reason}"]
    except KeyboardInterrupt:
        return [
            "interrupted: finished sample scores are in metrics.json; for all of them: "
            f"scanvq evaluate {run.directory.path} --samples 200; "
            f"not audited for copies: scanvq audit {run.directory.path}"
        ]
    try:
        return [*lines, audit_line(run.audit(count, progress_for=display.progress_for))]
    except Refusal as refusal:
        return [*lines, f"not audited for copies, {refusal.reason}"]
    except KeyboardInterrupt:
        return [*lines, f"interrupted: audited in part; to go on: scanvq audit {run.directory.path}"]


def _count(scores: Mapping[str, Any]) -> int:
    """How many samples were scored."""
    counts = (piece["n"] for piece in scores.values() if isinstance(piece, Mapping) and "n" in piece)
    return int(max(counts))
