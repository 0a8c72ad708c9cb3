"""`scanvq fit`: train a tokenizer and a prior on a folder of scans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.goal_option import GoalOption
from scanvq.cli.slice_options import PlaneOption, SlicesOption, SpacingOption, SyntheticOption


def fit(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="The scans. With --resume only if they were moved: their new folder.", show_default=False
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Name of a recipe (see `scanvq recipes`) or a TOML file. Default: a plan for these "
            "scans, or that of the run given by --from or --tokenizer.",
            show_default=False,
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="A plan file from `scanvq plan`, edited or not.", show_default=False),
    ] = None,
    goal: GoalOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run directory. Default: runs/RECIPE-DATE-TIME.", show_default=False),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a setting of the recipe: section.key=value. May be repeated."),
    ] = None,
    plane: PlaneOption = None,
    slices: SlicesOption = None,
    spacing: SpacingOption = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Time for training: 90s, 10m, 2h. Shared by tokenizer and prior.", show_default=False
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Number of epochs of each stage.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of splits, weights and batches.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run at --out.")] = False,
    initial_model: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Initialize with the weights of this run, model file, or model of `scanvq models list`.",
            show_default=False,
        ),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="Reuse tokenizer and data of this run; train only a prior.", show_default=False),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave unusable files out, and list them in the run.")
    ] = False,
    allow_leak: Annotated[
        bool,
        typer.Option(
            "--allow-leak", help="Train although splits share subjects or scans; the report shows it."
        ),
    ] = False,
    no_sample_scores: Annotated[
        bool,
        typer.Option(
            "--no-sample-scores",
            help="Make no samples at the end, to be scored and audited (about a minute).",
        ),
    ] = False,
    allow_synthetic: SyntheticOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    log: Annotated[
        list[str] | None,
        typer.Option(
            envvar="SCANVQ_LOG",
            help="tensorboard, wandb or none. May be repeated; torchrun has its own --log: set "
            "SCANVQ_LOG there. [default: tensorboard]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a tokenizer and a prior on a folder of scans, then evaluate them and write the report.

    At the end at most 64 samples are scored beside the test scans and audited for copies of training scans,
    which takes about a minute; see `scanvq evaluate --help` and `scanvq audit --help`.

    Ctrl-C saves and stops; `--resume` continues, also after a crash or a killed job.

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
    from scanvq.cli.slice_options import with_slice_options
    from scanvq.cli.summary import evaluate_and_report
    from scanvq.training.interrupt import Interrupted

    rank = int(os.environ.get("RANK", "0"))
    display = ProgressDisplay(quiet=rank != 0)
    given = with_slice_options(
        overrides or (), plane, slices, spacing, allow_synthetic=allow_synthetic and not resume
    )
    if resume and (plane, slices, spacing) != (None, None, None):
        raise ValueError("--plane, --slices and --spacing cannot change a run that is resumed")
    if resume and out is None:
        raise ValueError("--resume needs --out, the run to resume")
    if out is None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise ValueError("several processes need the same run directory: give --out")
        out = _default_directory(recipe or "run")
    names = [name for name in (log or ["tensorboard"]) if name != "none"]
    try:
        run = api.fit(
            folder,
            out=out,
            recipe=recipe,
            plan=plan,
            goal=None if goal is None else goal.value,
            overrides=given,
            budget=budget,
            epochs=epochs,
            seed=seed,
            resume=resume,
            tokenizer=tokenizer,
            initial_model=initial_model,
            skip_bad=skip_bad,
            allow_leak=allow_leak,
            sample_scores=not no_sample_scores,
            device=device,
            loggers=display.loggers(names),
            progress_for=display.progress_for,
        )
    except Interrupted as stopped:
        display.console.print(f"interrupted: {stopped}; resume with: scanvq fit --resume --out {out}")
        raise typer.Exit(130) from None
    if run is not None:
        evaluate_and_report(run, display, sample_scores=not no_sample_scores)


def _default_directory(recipe: str) -> Path:
    from datetime import datetime

    return Path("runs") / f"{Path(recipe).stem}-{datetime.now():%Y%m%d-%H%M%S}"
