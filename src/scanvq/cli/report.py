"""`scanvq report`: the report page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Write RUN/report.html: one self-contained page with curves, scores and images.

    Example: `scanvq report runs/first`
    """
    from scanvq import api
    from scanvq.cli.progress_display import ProgressDisplay

    trained = api.load(run, device=device)
    print(f"wrote {trained.write_report(progress_for=ProgressDisplay().progress_for)}")
