"""`scanvq encode` and `scanvq decode`: scans as files of integer codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.model_argument import ModelArgument
from scanvq.cli.overwrite_option import OverwriteOption


def encode(
    run: ModelArgument,
    files: Annotated[list[Path], typer.Argument(help="Scans, or folders of scans.")],
    out: Annotated[Path, typer.Option(help="The npz file to write.")],
    overwrite: OverwriteOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Encode scans: one npz file with a grid of integer codes for each slice.

    `level_0` (n, h, w) has the codes (`level_1` those of a finer level); `files`, `file_of_slice`
    and `shapes` identify the scan of each slice.

    Example: `scanvq encode runs/first scans/ --out codes.npz`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.encode import encode_files
    from scanvq.inference.scan_files import scan_files
    from scanvq.model.model import Model

    scans = scan_files(files)
    model = Model.load(run, device=device)
    progress = ProgressDisplay().progress_for("encode")
    slices = encode_files(model, scans, out, overwrite=overwrite, progress=progress)
    print(f"wrote the codes of {slices} slices of {len(scans)} scans to {out}")


def decode(
    run: ModelArgument,
    codes: Annotated[Path, typer.Argument(help="An npz file from `scanvq encode` or `scanvq sample`.")],
    out: Annotated[Path, typer.Option(help="The folder for the images.")],
    overwrite: OverwriteOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Decode codes into images, with the size and units of the original scans.

    8-bit slices become PNG, all others NIfTI; sampled codes become PNG. Every file is marked as synthetic,
    with the id of its model.

    Example: `scanvq decode runs/first codes.npz --out decoded`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.encode import decode_file
    from scanvq.model.model import Model

    model = Model.load(run, device=device)
    progress = ProgressDisplay().progress_for("decode")
    files = decode_file(model, codes, out, overwrite=overwrite, progress=progress)
    print(f"wrote {files} images to {out}")
