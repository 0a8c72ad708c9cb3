"""The sample scores at the end of `fit`: computed, or in one line why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanvq.cli.sample_summary import short_summary

if TYPE_CHECKING:
    from scanvq.api import Run
    from scanvq.cli.progress_display import ProgressDisplay


def short_form(run: Run, display: ProgressDisplay) -> list[str]:
    """Scores a few samples of an evaluated run. Returns lines for the terminal.

    Ctrl-C ends these scores alone: those that are finished are in metrics.json, and the run goes on to its
    report.
    """
    from scanvq.metrics.refusal import Refusal

    try:
        scores = run.evaluate_samples_briefly(progress_for=display.progress_for)
    except Refusal as refusal:
        return [f"samples not scored, {refusal.reason}"]
    except KeyboardInterrupt:
        return [
            "interrupted: finished sample scores are in metrics.json; for all of them: "
            f"scanvq evaluate {run.directory.path} --samples 200"
        ]
    return short_summary(scores)
