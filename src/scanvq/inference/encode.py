"""Encoding of scan files to a code file, and decoding of a code file to image files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from scanvq.imaging.formats import FORMATS, Scan
from scanvq.inference.code_file import Origin, read_code_file, read_provenance, write_codes
from scanvq.inference.image_files import picture_files, write_pictures
from scanvq.inference.scan_files import names_of, source_of, stems_of
from scanvq.model.model import Model
from scanvq.model.scans import restore_slices
from scanvq.storage.output_folder import output_file, output_folder
from scanvq.types import Progress


def encode_files(
    model: Model, scans: Sequence[Path], out: Path, *, overwrite: bool = False, progress: Progress
) -> int:
    """Writes the codes of all slices of the scans to an npz file. Returns the number of slices.

    Raises:
        ValueError: a file name that does not end in .npz. UnreadableScan: an unusable file.
        OutputError: the file is there already, see `output_folder`.
    """
    if out.suffix != ".npz":
        raise ValueError(f"--out is {out}; it must end in .npz")
    with output_file(out, overwrite=overwrite) as file:
        grids, origins = [], []
        for number, (path, name) in enumerate(zip(scans, names_of(scans), strict=True), start=1):
            scan = model.read(path)
            grids.append(model.coder.encode(model.prepare(scan)))
            origins.append(Origin.of(name.as_posix(), scan, source=source_of(path)))
            progress(number, len(scans))
        levels = tuple(torch.cat(level) for level in zip(*grids, strict=True))
        write_codes(file, model.id, levels, origins)
    return len(levels[0])


def decode_file(model: Model, codes: Path, out: Path, *, overwrite: bool = False, progress: Progress) -> int:
    """Writes the decoded images of a code file, marked as synthetic. Returns the number of files.

    Single 8-bit slices and sampled codes are written as PNG, all others as NIfTI.

    Raises:
        CodeFileError: no such file, a damaged file, or codes of another tokenizer.
        OutputError: an output is there already, see `output_folder`.
    """
    levels, origins = read_code_file(codes, tokenizer_id=model.id)
    created_by = read_provenance(codes)
    if not origins:
        count = len(levels[0])
        with output_folder(out, picture_files(count, "png", stem="image"), overwrite=overwrite) as folder:
            images = model.coder.decode(levels)
            created = model.preparation.to_native(images[:, 0].numpy())
            write_pictures(folder, created, "png", created_by or model.provenance())
        return count
    names = [
        stem.with_name(f"{stem.name}{'.png' if _is_png(origin) else '.nii.gz'}")
        for origin, stem in zip(origins, stems_of([origin.name for origin in origins]), strict=True)
    ]
    with output_folder(out, names, overwrite=overwrite) as folder:
        images = model.coder.decode(levels)
        start = 0
        for number, (origin, name) in enumerate(zip(origins, names, strict=True), start=1):
            slices = origin.slices()
            pixels = restore_slices(images[start : start + len(slices)], slices, model.preparation)
            start += len(slices)
            provenance = created_by or replace(model.provenance(), derived=origin.source)
            FORMATS["png" if _is_png(origin) else "nifti"].write(
                folder / name, Scan(slices=pixels, spacing=origin.spacing), provenance
            )
            progress(number, len(origins))
    return len(origins)


def _is_png(origin: Origin) -> bool:
    """Whether a decoded scan becomes a PNG file."""
    return origin.shape[0] == 1 and origin.dtype == "uint8"
