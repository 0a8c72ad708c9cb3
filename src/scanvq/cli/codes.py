"""`scanvq encode` and `scanvq decode`: scans as files of integer codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def encode(
    run: Annotated[Path, typer.Argument(help="A run made by `scanvq fit`.")],
    files: Annotated[list[Path], typer.Argument(help="Scans, or folders of scans.")],
    out: Annotated[Path, typer.Option(help="The npz file to write.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Turn scans into codes: one npz with a grid of integers for each slice.

    `level_0` (n, h, w) holds the codes (`level_1` those of a finer level); `files`, `file_of_slice`
    and `shapes` say where each comes from.

    Example: `scanvq encode runs/first scans/ --out codes.npz`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.encode import encode_files
    from scanvq.inference.scan_files import scan_files
    from scanvq.model.model import Model

    scans = scan_files(files)
    model = Model.load(run, device=device)
    slices = encode_files(model, scans, out, progress=ProgressDisplay().progress_for("encode"))
    print(f"wrote the codes of {slices} slices of {len(scans)} scans to {out}")


def decode(
    run: Annotated[Path, typer.Argument(help="The run whose tokenizer made the codes.")],
    codes: Annotated[Path, typer.Argument(help="An npz file from `scanvq encode` or `scanvq sample`.")],
    out: Annotated[Path, typer.Option(help="Where the images go.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Turn codes back into images, of the size and in the units that the scans had.

    8-bit slices become PNG, all others NIfTI; codes that came from no scan become PNG. Every file says that
    it is synthetic, and which model made it.

    Example: `scanvq decode runs/first codes.npz --out decoded`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.encode import decode_file
    from scanvq.model.model import Model

    model = Model.load(run, device=device)
    files = decode_file(model, codes, out, progress=ProgressDisplay().progress_for("decode"))
    print(f"wrote {files} images to {out}")
