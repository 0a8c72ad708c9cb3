"""`scanvq reconstruct`: scans encoded and decoded, in their original format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.model_argument import ModelArgument
from scanvq.cli.overwrite_option import OverwriteOption


def reconstruct(
    run: ModelArgument,
    files: Annotated[list[Path], typer.Argument(help="Scans, or folders of scans.")],
    out: Annotated[Path, typer.Option(help="The folder for the reconstructions.")],
    panels: Annotated[
        bool, typer.Option(help="Also write PNG panels: original | codes | reconstruction | difference.")
    ] = True,
    overwrite: OverwriteOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Encode and decode scans; name, format, size, units and geometry stay those of the originals.

    Every file is marked as synthetic, with the id of its model. The files appear together, once all scans are
    reconstructed.

    Example: `scanvq reconstruct runs/first scans/sub-01.nii.gz --out rebuilt`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.reconstruct import panel_name, reconstruct_files
    from scanvq.inference.scan_files import scan_files
    from scanvq.model.model import Model
    from scanvq.report.figures.panels import save_panel

    scans = scan_files(files)
    model = Model.load(run, device=device)
    progress = ProgressDisplay().progress_for("reconstruct")
    reconstructed = reconstruct_files(model, scans, out, panels=panels, overwrite=overwrite)
    for number, reconstruction in enumerate(reconstructed, start=1):
        if panels:
            middle = len(reconstruction.images) // 2
            save_panel(
                reconstruction.folder / panel_name(reconstruction.stem),
                reconstruction.images[middle],
                [level[middle] for level in reconstruction.codes],
                reconstruction.decoded[middle],
                codebook_sizes=model.tokenizer.codebook_sizes,
                provenance=reconstruction.provenance,
            )
        progress(number, len(scans))
    print(f"wrote {len(scans)} reconstructions to {out}")
