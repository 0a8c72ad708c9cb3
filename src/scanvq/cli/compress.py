"""`scanvq compress` and `scanvq decompress`: scans as small streams, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanvq.cli.overwrite_option import OverwriteOption

ModelOption = Annotated[
    Path,
    typer.Option(
        "--model", help="A run, a file of `Model.save`, or the name of a model, see `scanvq models list`."
    ),
]
DeviceOption = Annotated[
    str, typer.Option(help="Of the tokenizer: auto, cpu, cuda or mps. The prior always runs on the CPU.")
]


def compress(
    files: Annotated[list[Path], typer.Argument(help="Scans, or folders of scans.")],
    model: ModelOption,
    out: Annotated[Path, typer.Option(help="The folder for the streams, each FILE.svq.")],
    max_error: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="No pixel is off by more than this, in the units of the file; 0 is lossless, for integers. "
            "Without it, only the codes are kept.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Compress scans: the codes of all slices of a scan, coded by the prior, in one small file FILE.svq.

    The stream has the geometry, type and units of the scan, the id of the model and checksums. Only the same
    model can decompress it: keep the model as long as the streams. On every machine a stream gives the same
    codes. Codes are lossy, and may miss or invent a detail: the decompressed scan is what
    `scanvq reconstruct` makes. With `--max-error` the stream also has what is left, up to that error.

    The prior must be of the kind gated_pixelcnn or pixelcnn.

    Example: `scanvq compress scans/ --model runs/first --out small --max-error 4`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.compress import compress_files
    from scanvq.inference.scan_files import scan_files
    from scanvq.model.model import Model

    scans = scan_files(files)
    loaded = Model.load(model, device=device)
    progress = ProgressDisplay().progress_for("compress")
    done = compress_files(loaded, scans, out, max_error=max_error, overwrite=overwrite, progress=progress)
    print(
        f"wrote {done.streams} streams to {out}: {done.stream_bytes:,} bytes for files of "
        f"{done.file_bytes:,} bytes, {8 * done.stream_bytes / done.pixels:.3f} bits per pixel"
    )


def decompress(
    files: Annotated[list[Path], typer.Argument(help="Streams, or folders of streams.")],
    model: ModelOption,
    out: Annotated[Path, typer.Option(help="The folder for the scans.")],
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Decompress streams of `scanvq compress` to PNG or NIfTI files of the original size, geometry and units.

    Scans that were NIfTI or DICOM volumes become NIfTI, single pictures PNG. Every file is marked as
    synthetic, with the id of its model, unless its stream is lossless. Streams of another model, and damaged
    streams, are refused.

    Example: `scanvq decompress small/ --model runs/first --out scans-again`
    """
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.inference.compress import decompress_files, stream_files
    from scanvq.model.model import Model

    streams = stream_files(files)
    loaded = Model.load(model, device=device)
    progress = ProgressDisplay().progress_for("decompress")
    names = decompress_files(loaded, streams, out, overwrite=overwrite, progress=progress)
    print(f"wrote {len(names)} scans to {out}")
