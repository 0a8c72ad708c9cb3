"""Encoding of scan files to a code file, and decoding of a code file to image files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from scanvq.imaging.formats import FORMATS, Scan
from scanvq.inference.code_file import Origin, read_code_file, read_provenance, write_codes
from scanvq.inference.image_files import write_pictures
from scanvq.inference.scan_files import names_of, stems_of
from scanvq.model.model import Model
from scanvq.model.scans import restore_slices
from scanvq.types import Progress


def encode_files(model: Model, scans: Sequence[Path], out: Path, *, progress: Progress) -> int:
    """Writes the codes of all slices of the scans to an npz file. Returns the number of slices.

    Raises:
        ValueError: a file name that does not end in .npz. UnreadableScan: an unusable file.
    """
    if out.suffix != ".npz":
        raise ValueError(f"--out is {out}; it must end in .npz")
    grids, origins = [], []
    for number, (path, name) in enumerate(zip(scans, names_of(scans), strict=True), start=1):
        scan = model.read(path)
        grids.append(model.coder.encode(model.prepare(scan)))
        origins.append(Origin.of(name.as_posix(), scan))
        progress(number, len(scans))
    levels = tuple(torch.cat(level) for level in zip(*grids, strict=True))
    write_codes(out, model.id, levels, origins)
    return len(levels[0])


def decode_file(model: Model, codes: Path, out: Path, *, progress: Progress) -> int:
    """Writes the decoded images of a code file, marked as synthetic. Returns the number of files.

    Single 8-bit slices and sampled codes are written as PNG, all others as NIfTI.

    Raises:
        CodeFileError: no such file, a damaged file, or codes of another tokenizer.
    """
    levels, origins = read_code_file(codes, tokenizer_id=model.id)
    provenance = read_provenance(codes) or model.provenance()
    images = model.coder.decode(levels)
    if not origins:
        created = model.preparation.to_native(images[:, 0].numpy())
        write_pictures(out, created, "png", provenance)
        return len(images)
    start = 0
    stems = stems_of([origin.name for origin in origins])
    for number, (origin, stem) in enumerate(zip(origins, stems, strict=True), start=1):
        slices = origin.slices()
        pixels = restore_slices(images[start : start + len(slices)], slices, model.preparation)
        start += len(slices)
        is_png = len(slices) == 1 and pixels.dtype == "uint8"
        target = out / stem.with_name(f"{stem.name}{'.png' if is_png else '.nii.gz'}")
        target.parent.mkdir(parents=True, exist_ok=True)
        FORMATS["png" if is_png else "nifti"].write(
            target, Scan(slices=pixels, spacing=origin.spacing), provenance
        )
        progress(number, len(origins))
    return len(origins)
