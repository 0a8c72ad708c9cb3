"""`scanvq export`: the model of a run in one file, to be passed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    out: Annotated[
        Path, typer.Option(help="The file, ending in .safetensors, or a folder for model.safetensors.")
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model file at that place.")
    ] = False,
    half_prior: Annotated[
        bool,
        typer.Option(
            "--half-prior",
            help="Store the prior's weights as 16-bit numbers: half its size. Codes and reconstructions stay "
            "exactly equal; the prior's probabilities change by less than a thousandth of a bit.",
        ),
    ] = False,
) -> None:
    """Write the model of a run to one file without file names, subject ids, paths and training codes.

    The file has all that `reconstruct`, `encode`, `decode`, `sample`, `inpaint` and `score` need, and can be
    given to them in place of the run. A run directory itself names patients; do not pass it on.

    Example: `scanvq export runs/first --out model.safetensors`
    """
    from scanvq.export.model_file import export_model
    from scanvq.storage.run_directory import RunDirectory

    file = export_model(RunDirectory(run), out, overwrite=overwrite, half_prior=half_prior)
    print(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB); it names no scan, subject or folder")
