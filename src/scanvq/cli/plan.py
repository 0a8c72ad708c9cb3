"""`scanvq plan`: decide every setting for a folder of scans, with reasons and a cost estimate."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.goal_option import GoalOption
from scanvq.cli.overwrite_option import OverwriteOption
from scanvq.cli.slice_options import PlaneOption, SlicesOption, SpacingOption, SyntheticOption


class DetailName(StrEnum):
    """The number of pixels per code."""

    FINE = "fine"
    COARSE = "coarse"


def plan(
    folder: Annotated[Path, typer.Argument(help="The scans.")],
    out: Annotated[Path, typer.Option(help="The TOML file to write.")] = Path("plan.toml"),
    budget: Annotated[
        str, typer.Option(help="Time for training: 90s, 10m, 2h. Shared by tokenizer, codes and prior.")
    ] = "30m",
    detail: Annotated[
        DetailName,
        typer.Option(
            help="fine: one code per 4x4 pixels. coarse: per 8x8 pixels, a fourth of the bits, less sharp."
        ),
    ] = DetailName.FINE,
    goal: GoalOption = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Set a value: section.key=value.")
    ] = None,
    plane: PlaneOption = None,
    slices: SlicesOption = None,
    spacing: SpacingOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of splits, weights and batches.")] = 0,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave unusable files out.")] = False,
    allow_synthetic: SyntheticOption = False,
    overwrite: OverwriteOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Plan the training on a folder of scans: every setting with its reason, and a cost estimate.

    The file can be edited; `scanvq fit --plan FILE` uses it. The cost is estimated by a dry run of the full
    pipeline on a few of the scans.

    Examples:

        scanvq plan scans/ --budget 15m

        scanvq plan scans/ --goal compress

        scanvq plan scans/ --detail coarse --out coarse.toml --set prior.kind=transformer
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.slice_options import with_slice_options
    from scanvq.imaging.display import display_name
    from scanvq.planning.make import make_plan
    from scanvq.storage.files import write_text
    from scanvq.storage.output_folder import output_file
    from scanvq.training.engine import Engine
    from scanvq.training.training_limit import parse_duration

    if out.suffix != ".toml":
        raise ValueError(f"{out} must end in .toml")
    display = ProgressDisplay()
    with output_file(out, overwrite=overwrite) as file:
        planned = make_plan(
            folder,
            budget=parse_duration(budget),
            detail=detail.value,
            goal="create" if goal is None else goal.value,
            overrides=with_slice_options(
                overrides or (), plane, slices, spacing, allow_synthetic=allow_synthetic
            ),
            seed=seed,
            skip_bad=skip_bad,
            device=Engine(device=device).device,
            progress=display.progress_for("inspect"),
        )
        write_text(file, planned.toml())
    for note in planned.survey.catalog.notes if planned.survey else ():
        print(f"note: {display_name(note)}")
    for warning in planned.survey.fingerprint["odd"] if planned.survey else ():
        print(f"warning: {display_name(warning)}")
    for path, reason in planned.survey.unreadable if planned.survey else ():
        print(f"left out {display_name(path)}: {display_name(reason)}")
    for choice in planned.choices:
        print(f"{choice.key} = {choice.value}  ({choice.basis}: {choice.reason})")
    if planned.cost_estimate is not None:
        cost = planned.cost_estimate
        print(
            f"estimated cost: {cost.minutes:.1f} minutes, {cost.memory_mb:.0f} MB memory, "
            f"{cost.disk_mb:.0f} MB disk"
        )
    print(f"wrote {out}; train with: scanvq fit --plan {out}")
