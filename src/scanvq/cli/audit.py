"""`scanvq audit`: whether created scans are copies of training scans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def audit(
    run: Annotated[Path, typer.Argument(help="A run directory of `scanvq fit`.")],
    samples: Annotated[
        int | None,
        typer.Option(min=1, help="Make so many new scans and audit these; default 200.", show_default=False),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Audit the images of this folder, made by any program.", show_default=False),
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(
            help="False-alarm rate of a verdict. Default: 0.01, or 0.05 with fewer than 99 held-out people.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Find copies of training scans among created ones; write RUN/audit.json and RUN/audit.png.

    Every created scan is compared with all training scans and with the held-out people (validation and test
    split): in pixels and features, whatever mirroring, shift up to 4 pixels, gray values or noise of 2 %, and
    in its codes, whose largest blocks in common with training scans name the patients it is made of. Held-out
    people say how similar a new person is; the p-value of a scan is the share of them that are at least as
    similar, and a scan counts as a copy where it is at most the level.

    The result is kept every 32 scans: a call that was interrupted goes on where it stopped. Both files are
    the run's own and are replaced. They name and show patients' scans, so they are as confidential as these.

    Example: `scanvq audit runs/first --samples 200`

    Example: `scanvq audit runs/first --images generated/`
    """
    from scanvq import api
    from scanvq.cli.audit_summary import audit_summary
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.metrics.refusal import Refusal

    if samples is not None and images is not None:
        raise ValueError("--samples makes new scans and --images names given ones: leave one of them out")
    if images is None and samples is None:
        samples = 200
    trained = api.load(run, device=device)
    try:
        found = trained.audit(
            samples, images=images, level=level, seed=seed, progress_for=ProgressDisplay().progress_for
        )
    except Refusal as refusal:
        raise ValueError(f"refused, {refusal.reason}") from refusal
    for line in audit_summary(found):
        print(line)
    print(f"wrote {trained.directory.audit}; the closest pairs: {trained.directory.audit_picture}")
