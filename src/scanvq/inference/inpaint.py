"""Inpainting of scan files: masks, completions and file names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import FORMATS, Format, Scan, format_of, output_name, stem_of
from scanvq.inference.scan_files import source_of
from scanvq.model.inpaint import unknown_region
from scanvq.model.model import Model
from scanvq.model.requested_values import RequestedValues
from scanvq.storage.output_folder import output_folder
from scanvq.types import SamplingParams


def inpaint_file(
    model: Model,
    file: Path,
    out: Path,
    *,
    mask: Path | None = None,
    keep: str | None = None,
    count: int,
    condition: RequestedValues | None = None,
    params: SamplingParams,
    decoder: str | None = None,
    seed: int,
    overwrite: bool = False,
) -> list[Path]:
    """Writes several completions of a scan, each marked as derived.

    Args:
        model: with a prior that can inpaint.
        file: the scan.
        out: the folder for the completions.
        mask: an image of the scan's size, white where pixels are unknown.
        keep: the half that is known, instead of a mask: see `model.inpaint.REGIONS`.
        count: number of completions.
        condition: requested values by name, see `Model.inpaint`.
        params: sampling parameters.
        decoder: of the completions, see `Decoders.decoder_of`.
        seed: of the first completion; completion i uses seed + i.
        overwrite: replace earlier outputs, see `output_folder`.

    Returns:
        The written files.

    Raises:
        ValueError: an invalid mask or half, or a prior that cannot inpaint.
        OutputError: an output is there already.
    """
    scan = model.read(file)
    unknown = mask_of(scan, mask, keep)
    used, source = model.decoders.decoder_of(decoder), source_of(file)
    targets = [completed_file(Path(), file, number) for number in range(count)]
    written = [name for target, format in targets for name in format.written_files(target)]
    with output_folder(out, written, overwrite=overwrite) as folder:
        completions = model.inpaint(
            scan,
            unknown,
            count=count,
            condition=condition,
            params=params,
            decoder=decoder,
            seed=seed,
        )
        for number, (completion, (target, format)) in enumerate(zip(completions, targets, strict=True)):
            made_by = model.provenance(seed=seed + number, decoder=used)
            format.write(folder / target, completion, replace(made_by, derived=source))
    return [out / target for target, _ in targets]


def mask_of(scan: Scan, mask: Path | None, keep: str | None) -> NDArray[np.bool_]:
    """Mask (H, W), True where pixels are unknown, from a mask file or from the half that is kept.

    Raises:
        ValueError: an unknown half, or a mask with several slices or of another size than the scan.
    """
    height, width = scan.slices.shape[1:]
    if mask is None:
        return unknown_region(keep or "", (height, width))
    slices = format_of(mask).read(mask).slices
    if len(slices) != 1:
        raise ValueError(
            f"the mask {mask} has {len(slices)} slices; give a mask of a single slice, which is used for all"
        )
    if slices.shape[1:] != (height, width):
        raise ValueError(
            f"the mask {mask} is {'x'.join(map(str, slices.shape[1:]))}, but the scan is {height}x{width}; "
            "they must have the same size"
        )
    unknown: NDArray[np.bool_] = slices[0] > slices.max() / 2
    return unknown


def completed_file(out: Path, file: Path, number: int) -> tuple[Path, Format]:
    """The path of a completion, with the scan's name and a number, and its file format.

    Completions of lossy formats such as JPEG, which would change known pixels, and of images in an npz file
    are written as PNG.
    """
    name, format = output_name(file)
    stem = stem_of(name)
    if not format.lossless:
        return out / f"{stem}_{number}.png", FORMATS["png"]
    return out / f"{stem}_{number}{name[len(stem) :]}", format
