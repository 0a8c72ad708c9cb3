"""`scanvq sample`: new scans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.condition_options import ConditionOption, GuidanceOption, LabelOption, parse_conditions


def sample(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    out: Annotated[Path, typer.Option(help="Where the samples go.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many.")] = 64,
    condition: ConditionOption = None,
    label: LabelOption = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            help="Below 1: more typical; above 1: more varied. Default: the recipe's.", show_default=False
        ),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(help="Draw from the k most likely codes only; 0 = all.", show_default=False)
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw from the likeliest codes that sum to p.", show_default=False)
    ] = None,
    guidance: GuidanceOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Sample i depends on the seed and i alone.")] = 0,
    format: Annotated[str, typer.Option(help="png, nifti or npz.")] = "png",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Create new scans: draw codes from the prior and decode them.

    Writes the images, `samples.png` with all of them on one sheet, and `codes.npz`. Every file says that it
    is synthetic, which model made it and with which seed.

    Conditions that are not asked for, such as the label or the age, are drawn as they occur together in the
    training set, given those that are.

    Example: `scanvq sample runs/first -n 16 --label AD --condition age=70 --top-p 0.9 --out samples`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.image_files import check_kind
    from scanvq.inference.sample import sample_files
    from scanvq.model.model import Model

    check_kind(format)
    requested = parse_conditions(condition, label)
    model = Model.load(run, device=device)
    sheet = sample_files(
        model,
        out,
        count,
        condition=requested,
        params=model.sampling_params(
            condition=requested, temperature=temperature, top_k=top_k, top_p=top_p, guidance=guidance
        ),
        seed=seed,
        kind=format,
        progress=ProgressDisplay().progress_for("sample"),
    )
    print(f"wrote {count} synthetic images to {out}; all on one sheet: {sheet}")
