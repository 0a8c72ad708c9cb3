"""`scanvq fit`: train a tokenizer and a prior on a folder of scans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.slice_options import PlaneOption, SlicesOption, SpacingOption


def fit(
    folder: Annotated[
        Path | None,
        typer.Argument(help="The scans. With --resume only where they were moved to.", show_default=False),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A recipe's name (see `scanvq recipes`) or a TOML file. Default: one planned for these "
            "scans, or that of the run given by --from or --tokenizer.",
            show_default=False,
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="A plan's file, from `scanvq plan`, perhaps changed by hand.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the run goes. Default: runs/RECIPE-DATE-TIME.", show_default=False),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting in place of the recipe's: section.key=value. May be repeated."),
    ] = None,
    plane: PlaneOption = None,
    slices: SlicesOption = None,
    spacing: SpacingOption = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Train this long: 90s, 10m, 2h. Tokenizer and prior share it.", show_default=False),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Train each stage this many epochs.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of splits, weights and order.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run at --out.")] = False,
    initial_run: Annotated[
        Path | None,
        typer.Option("--from", help="Begin from the weights of this run.", show_default=False),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="Take this run's tokenizer and data; train only a prior.", show_default=False),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave unusable files out, and say so in the run.")
    ] = False,
    allow_leak: Annotated[
        bool,
        typer.Option(
            "--allow-leak", help="Train though subjects or scans are on two sides; the report says so."
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    log: Annotated[
        list[str] | None,
        typer.Option(
            envvar="SCANVQ_LOG",
            help="tensorboard, wandb or none. May be repeated; torchrun takes --log for its own: set "
            "SCANVQ_LOG there. [default: tensorboard]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a tokenizer and a prior on a folder of scans, then evaluate them and write the report.

    Ctrl-C saves and stops; `--resume` goes on, also after a crash or a killed job.

    Examples:

        scanvq fit scans/ --budget 10m --out runs/first

        scanvq fit --plan plan.toml --out runs/planned

        scanvq fit volumes/ --plane coronal --slices middle:32 --spacing 1.0

        scanvq fit scans/ --recipe tiny --set tokenizer.quantizer.codebook_size=256

        scanvq fit --resume --out runs/first

        scanvq fit --tokenizer runs/first --set prior.channels=64 --out runs/other-prior

        scanvq fit more-scans/ --from runs/first --out runs/second

        torchrun --nproc-per-node 2 -m scanvq fit scans/ --out runs/two
    """
    import os

    from scanvq import api
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.slice_options import with_cutting
    from scanvq.cli.summary import finish
    from scanvq.training.interrupt import Interrupted

    rank = int(os.environ.get("RANK", "0"))
    display = ProgressDisplay(quiet=rank != 0)
    given = with_cutting(overrides or (), plane, slices, spacing)
    if resume and (plane, slices, spacing) != (None, None, None):
        raise ValueError("--plane, --slices and --spacing cannot change a run that is resumed")
    if resume and out is None:
        raise ValueError("--resume needs --out, the run to go on with")
    if out is None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise ValueError("several processes must agree on a run: give --out")
        out = _new_name(recipe or "run")
    names = [name for name in (log or ["tensorboard"]) if name != "none"]
    try:
        run = api.fit(
            folder,
            out=out,
            recipe=recipe,
            plan=plan,
            overrides=given,
            budget=budget,
            epochs=epochs,
            seed=seed,
            resume=resume,
            tokenizer=tokenizer,
            initial_run=initial_run,
            skip_bad=skip_bad,
            allow_leak=allow_leak,
            device=device,
            loggers=display.loggers(names),
            progress_for=display.progress_for,
        )
    except Interrupted as stopped:
        display.console.print(f"interrupted: {stopped}; go on with: scanvq fit --resume --out {out}")
        raise typer.Exit(130) from None
    if run is not None:
        finish(run, display)


def _new_name(recipe: str) -> Path:
    from datetime import datetime

    return Path("runs") / f"{Path(recipe).stem}-{datetime.now():%Y%m%d-%H%M%S}"
