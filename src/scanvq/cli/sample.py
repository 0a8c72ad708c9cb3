"""`scanvq sample`: new scans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sample(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    out: Annotated[Path, typer.Option(help="Where the samples go.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many.")] = 64,
    label: Annotated[
        str | None, typer.Option(help="Only of this class, such as AD. Default: any.", show_default=False)
    ] = None,
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
    guidance: Annotated[
        float | None,
        typer.Option(
            help="With --label, above 1: more of what sets the class apart. Default: the recipe's.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Sample i depends on the seed and i alone.")] = 0,
    format: Annotated[str, typer.Option(help="png, nifti or npz.")] = "png",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Create new scans: draw codes from the prior and decode them.

    Writes the images, `samples.png` with all of them on one sheet, and `codes.npz`. Every file says that it
    is synthetic, which model made it and with which seed.

    Example: `scanvq sample runs/first -n 16 --label AD --top-p 0.9 --out samples`
    """
    from scanvq import api
    from scanvq.cli.image_files import contact_sheet, write_pictures
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.imaging.formats import FORMATS, Scan
    from scanvq.inference.code_file import write_codes
    from scanvq.model.coding import decode

    if format not in ("png", "nifti", "npz"):
        raise ValueError(f"--format is {format!r}; use png, nifti or npz")
    trained = api.load(run, device=device)
    params = trained.sampling_params(
        label=label, temperature=temperature, top_k=top_k, top_p=top_p, guidance=guidance
    )
    codes = trained.sample_codes(
        count, label=label, params=params, seed=seed, progress=ProgressDisplay().progress_for("sample")
    )
    images = decode(trained.tokenizer, codes, device=trained.device)[:, 0].numpy()
    provenance = trained.provenance(seed=seed)
    write_pictures(out, images, format, provenance, stem="sample")
    write_codes(out / "codes.npz", trained.header["id"], codes, [], provenance=provenance)
    FORMATS["png"].write(out / "samples.png", Scan(slices=contact_sheet(images)[None]), provenance)
    print(f"wrote {count} synthetic images to {out}; all on one sheet: {out / 'samples.png'}")
