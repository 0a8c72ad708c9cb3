"""`scanvq inpaint`: sample completions of a scan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.condition_options import ConditionOption, GuidanceOption, LabelOption, parse_conditions
from scanvq.cli.decoder_option import DecoderOption, decoder_remark
from scanvq.cli.model_argument import ModelArgument
from scanvq.cli.overwrite_option import OverwriteOption


def inpaint(
    run: ModelArgument,
    file: Annotated[Path, typer.Argument(help="The scan to complete.")],
    out: Annotated[Path, typer.Option(help="Output folder of the completions.")],
    mask: Annotated[
        Path | None,
        typer.Option(
            help="A mask of the scan's size: white is inpainted, black is kept. For a volume, of one slice "
            "that is used for all, or of as many slices.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(help="Keep one half: top-half, bottom-half, left-half, right-half.", show_default=False),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Number of completions.")] = 4,
    condition: ConditionOption = None,
    label: LabelOption = None,
    temperature: Annotated[
        float | None, typer.Option(help="Default: the recipe's.", show_default=False)
    ] = None,
    top_p: Annotated[float | None, typer.Option(help="Default: the recipe's.", show_default=False)] = None,
    guidance: GuidanceOption = None,
    decoder: DecoderOption = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same completions.")] = 0,
    overwrite: OverwriteOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Inpaint a region of a scan: sample several completions. Known pixels stay unchanged, bit for bit; for
    JPEG, which is lossy, completions are written as PNG. Every file is marked as synthetic, with the model
    and the seed. Conditions that are not requested are absent: the known part determines them.

    `panels/` has one picture: given | completions | spread, the standard deviation of the completions; of a
    volume, the slice with the most unknown pixels. The slices of a volume are completed one by one.

    Example: `scanvq inpaint runs/first scan.png --keep top-half -n 4 --out completed`
    """
    from scanvq.inference.inpaint import inpaint_file
    from scanvq.model.model import Model
    from scanvq.report.figures.panels import save_completions

    if (mask is None) == (keep is None):
        given = "both" if keep is not None else "neither"
        raise ValueError(f"--mask and --keep: {given} of them are given; give either --mask or --keep")
    requested = parse_conditions(condition, label)
    model = Model.load(run, device=device)
    used = model.decoders.decoder_of(decoder)
    with inpaint_file(
        model,
        file,
        out,
        mask=mask,
        keep=keep,
        count=count,
        condition=requested,
        params=model.sampling_params(
            condition=requested, temperature=temperature, top_p=top_p, guidance=guidance
        ),
        decoder=used,
        seed=seed,
        overwrite=overwrite,
    ) as completed:
        save_completions(
            completed.folder / completed.panel,
            *completed.panel_images(),
            provenance=completed.provenance,
        )
    if all(prior.inpainting_support == "later codes" for prior in model.prior.priors):
        typer.echo(
            "note: this prior is autoregressive: each code depends only on earlier codes; in raster order, "
            "on those above and to the left",
            err=True,
        )
    if (slices := len(completed.scan.slices)) > 1:
        typer.echo(
            f"note: the {slices} slices are completed one by one, so they do not fit together as a volume",
            err=True,
        )
    print(f"wrote {count} completions of {file.name} to {out}; side by side: {out / completed.panel}")
    print(decoder_remark(used))
