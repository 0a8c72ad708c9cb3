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
    import torch

    from scanvq import api
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.scan_arguments import names_of, scan_files
    from scanvq.inference.code_file import Origin, write_codes

    if out.suffix != ".npz":
        raise ValueError(f"--out {out} must end in .npz")
    trained = api.load(run, device=device)
    scans = scan_files(files)
    count = ProgressDisplay().progress_for("encode")
    grids, origins = [], []
    for number, (path, name) in enumerate(zip(scans, names_of(scans), strict=True), start=1):
        scan = trained.read(path)
        grids.append(trained.encode_scan(scan))
        origins.append(Origin.of(name.as_posix(), scan))
        count(number, len(scans))
    levels = tuple(torch.cat(level) for level in zip(*grids, strict=True))
    write_codes(out, trained.header["id"], levels, origins)
    print(f"wrote the codes of {len(levels[0])} slices of {len(scans)} scans to {out}")


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
    from scanvq import api
    from scanvq.cli.image_files import write_pictures
    from scanvq.cli.progress_display import ProgressDisplay
    from scanvq.cli.scan_arguments import stems_of
    from scanvq.imaging.formats import FORMATS, Scan
    from scanvq.inference.code_file import read_code_file, read_provenance
    from scanvq.model.coding import decode as decode_codes
    from scanvq.model.scans import restore_slices

    trained = api.load(run, device=device)
    levels, origins = read_code_file(codes, tokenizer_id=trained.header["id"])
    provenance = read_provenance(codes) or trained.provenance()
    images = decode_codes(trained.tokenizer, levels, device=trained.device)
    if not origins:
        write_pictures(out, images[:, 0].numpy(), "png", provenance)
        print(f"wrote {len(images)} images to {out}")
        return
    count, start = ProgressDisplay().progress_for("decode"), 0
    stems = stems_of([origin.name for origin in origins])
    for number, (origin, stem) in enumerate(zip(origins, stems, strict=True), start=1):
        slices = origin.slices()
        pixels = restore_slices(images[start : start + len(slices)], slices, trained.preparation)
        start += len(slices)
        picture = len(slices) == 1 and pixels.dtype == "uint8"
        target = out / stem.with_name(f"{stem.name}{'.png' if picture else '.nii.gz'}")
        target.parent.mkdir(parents=True, exist_ok=True)
        FORMATS["png" if picture else "nifti"].write(
            target, Scan(slices=pixels, spacing=origin.spacing), provenance
        )
        count(number, len(origins))
    print(f"wrote {len(origins)} scans to {out}")
