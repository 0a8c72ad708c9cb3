"""`scanvq evaluate`: a run's scores on scans it has never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Other scans: their test split, or all where there is none.", show_default=False),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave unusable files of --data out.")] = False,
    allow_leak: Annotated[
        bool,
        typer.Option("--allow-leak", help="Score --data although the run has learned from some of it."),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Score a run on its test split and write RUN/metrics.json.

    SSIM is that of each image in [0, 1] (Gaussian window, sigma 1.5), averaged over the split; beside it
    stand its foreground-only mean, PSNR, and the bits per pixel that it cost.

    --data is first compared with the scans that the run was trained on: people or scans that are in both are
    refused with a list.

    Example: `scanvq evaluate runs/first`
    """
    from scanvq import api
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.summary import summary

    trained = api.load(run, device=device)
    metrics = trained.evaluate(
        data, skip_bad=skip_bad, allow_leak=allow_leak, progress_for=ProgressDisplay().progress_for
    )
    for line in summary(metrics):
        print(line)
