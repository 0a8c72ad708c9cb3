"""`scanvq plan`: decide every setting for a folder of scans, say why, and what a run will cost."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.slice_options import PlaneOption, SlicesOption, SpacingOption


class DetailName(StrEnum):
    """How many pixels a code stands for."""

    FINE = "fine"
    COARSE = "coarse"


def plan(
    folder: Annotated[Path, typer.Argument(help="The scans.")],
    out: Annotated[Path, typer.Option(help="The TOML file to write.")] = Path("plan.toml"),
    budget: Annotated[
        str, typer.Option(help="Train this long: 90s, 10m, 2h. Tokenizer, codes and prior share it.")
    ] = "30m",
    detail: Annotated[
        DetailName,
        typer.Option(help="fine: a code for 4x4 pixels. coarse: for 8x8, a fourth of the bits, softer."),
    ] = DetailName.FINE,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="A setting that is given: section.key=value.")
    ] = None,
    plane: PlaneOption = None,
    slices: SlicesOption = None,
    spacing: SpacingOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of splits, weights and order.")] = 0,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave unusable files out.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Look at a folder of scans and decide how to train on it: every value with its reason, and the cost.

    The file may be changed by hand; `scanvq fit --plan FILE` follows it. The cost is measured by a dry run
    of the whole road on a few of the scans.

    Examples:

        scanvq plan scans/ --budget 15m

        scanvq plan scans/ --detail coarse --out coarse.toml --set prior.kind=transformer
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.slice_options import with_cutting
    from scanvq.planning.make import make_plan
    from scanvq.storage.files import write_text
    from scanvq.training.engine import Engine
    from scanvq.training.training_limit import parse_duration

    if out.suffix != ".toml":
        raise ValueError(f"{out} must end in .toml")
    if out.exists():
        raise ValueError(f"{out} exists already; choose another --out or remove it")
    display = ProgressDisplay()
    made = make_plan(
        folder,
        budget=parse_duration(budget),
        detail=detail.value,
        overrides=with_cutting(overrides or (), plane, slices, spacing),
        seed=seed,
        skip_bad=skip_bad,
        device=Engine(device=device).device,
        progress=display.progress_for("inspect"),
    )
    write_text(out, made.toml())
    for choice in made.choices:
        print(f"{choice.key} = {choice.value}  ({choice.basis}: {choice.reason})")
    if made.cost_estimate is not None:
        cost = made.cost_estimate
        print(f"costs {cost.minutes:.1f} minutes, {cost.memory_mb:.0f} MB memory, {cost.disk_mb:.0f} MB disk")
    print(f"wrote {out}; train by: scanvq fit --plan {out}")
