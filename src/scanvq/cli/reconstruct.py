"""`scanvq reconstruct`: scans through the tokenizer, and back as they came."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def reconstruct(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    files: Annotated[list[Path], typer.Argument(help="Scans, or folders of scans.")],
    out: Annotated[Path, typer.Option(help="Where the reconstructions go.")],
    panels: Annotated[
        bool, typer.Option(help="Also make pictures: original | codes | reconstruction.")
    ] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Turn scans into codes and back: same name, format, size, units and geometry as they came.

    Every file says that it is synthetic, and which model made it.

    Example: `scanvq reconstruct runs/first scans/sub-01.nii.gz --out rebuilt`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.reconstruct import reconstruct_files
    from scanvq.inference.scan_files import scan_files
    from scanvq.model.model import Model
    from scanvq.report.figures.panels import save_panel

    scans = scan_files(files)
    model = Model.load(run, device=device)
    progress = ProgressDisplay().progress_for("reconstruct")
    for number, done in enumerate(reconstruct_files(model, scans, out), start=1):
        if panels:
            middle = len(done.images) // 2
            save_panel(
                out / "panels" / done.stem.with_name(f"{done.stem.name}.png"),
                done.images[middle],
                [level[middle] for level in done.codes],
                done.decoded[middle],
                codebook_sizes=model.tokenizer.codebook_sizes,
                provenance=model.provenance(),
            )
        progress(number, len(scans))
    print(f"wrote {len(scans)} reconstructions to {out}")
