"""`scanvq evaluate`: the scores of a run on its test split, or on other scans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Other scans: their test split, or all if there is none.", show_default=False),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave unusable files of --data out.")] = False,
    allow_leak: Annotated[
        bool,
        typer.Option(
            "--allow-leak", help="Score --data although the run was trained on some of its subjects or scans."
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Score a run on its test split and write RUN/metrics.json.

    SSIM is computed per image in [0, 1] (Gaussian window, sigma 1.5) and averaged over the split; also shown
    are SSIM of the foreground only, PSNR, and bits per pixel.

    --data is first compared with the training scans of the run: subjects or scans in both are an error that
    lists them.

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
