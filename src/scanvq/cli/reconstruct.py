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
    from scanvq import api
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.scan_arguments import names_of, outputs, scan_files, stems_of
    from scanvq.imaging.formats import own_name
    from scanvq.model.scans import reconstruct_scan
    from scanvq.report.figures.panels import save_panel

    trained = api.load(run, device=device)
    scans = scan_files(files)
    targets = outputs(scans, out)
    stems = stems_of(names_of(scans))
    count = ProgressDisplay().progress_for("reconstruct")
    for number, (path, target, stem) in enumerate(zip(scans, targets, stems, strict=True), start=1):
        scan = trained.read(path)
        restored, images, codes, decoded = reconstruct_scan(
            trained.tokenizer, scan, trained.preparation, device=trained.device
        )
        own_name(path)[1].write(target, restored, trained.provenance())
        if panels:
            middle = len(images) // 2
            grids = [level[middle].numpy() for level in codes]
            save_panel(
                out / "panels" / stem.with_name(f"{stem.name}.png"),
                images[middle, 0].numpy(),
                grids,
                decoded[middle, 0].numpy(),
                codebook_sizes=trained.tokenizer.codebook_sizes,
                provenance=trained.provenance(),
            )
        count(number, len(scans))
    print(f"wrote {len(scans)} reconstructions to {out}")
