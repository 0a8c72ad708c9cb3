"""Completes scan files: the mask, the completions, and their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import FORMATS, Format, Scan, format_of, output_name, stem_of
from scanvq.model.inpaint import unknown_region
from scanvq.model.model import Model
from scanvq.model.wishes import Wishes
from scanvq.types import SamplingParams


def inpaint_file(
    model: Model,
    file: Path,
    out: Path,
    *,
    mask: Path | None = None,
    keep: str | None = None,
    count: int,
    condition: Wishes | None = None,
    params: SamplingParams,
    seed: int,
) -> list[Path]:
    """Writes several completions of a scan, each marked as synthetic.

    Args:
        model: with a prior that can fill a region.
        file: the scan.
        out: the folder for the completions.
        mask: a picture of the scan's size, white where pixels are unknown.
        keep: the half that is known, instead of a mask: see `model.inpaint.REGIONS`.
        count: how many.
        condition: wishes by name, see `Model.inpaint`.
        params: how codes are drawn.
        seed: of the first completion; the next ones count up.

    Returns:
        The files written.

    Raises:
        ValueError: a mask or a half that does not fit, or a prior that makes whole images only.
    """
    scan = model.read(file)
    completions = model.inpaint(
        scan, mask_of(scan, mask, keep), count=count, condition=condition, params=params, seed=seed
    )
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for number, completion in enumerate(completions):
        target, format = completed_file(out, file, number)
        format.write(target, completion, model.provenance(seed=seed + number))
        written.append(target)
    return written


def mask_of(scan: Scan, mask: Path | None, keep: str | None) -> NDArray[np.bool_]:
    """(H, W), True where the scan is to be filled in: from a picture, or from the half that is kept.

    Raises:
        ValueError: an unknown half, or a mask of several slices or another size than the scan's.
    """
    height, width = scan.slices.shape[1:]
    if mask is None:
        return unknown_region(keep or "", (height, width))
    drawn = format_of(mask).read(mask).slices
    if len(drawn) != 1:
        raise ValueError(
            f"the mask {mask} has {len(drawn)} slices; give one picture, which is used for every slice"
        )
    if drawn.shape[1:] != (height, width):
        raise ValueError(
            f"the mask {mask} is {'x'.join(map(str, drawn.shape[1:]))}, but the scan is {height}x{width}"
        )
    unknown: NDArray[np.bool_] = drawn[0] > drawn.max() / 2
    return unknown


def completed_file(out: Path, file: Path, number: int) -> tuple[Path, Format]:
    """The name of a completion, the scan's own with a number, and the format that it is written in.

    Lossy formats such as JPEG, which would change known pixels, and single images of an npz file become PNG.
    """
    name, format = output_name(file)
    stem = stem_of(name)
    if not format.lossless:
        return out / f"{stem}_{number}.png", FORMATS["png"]
    return out / f"{stem}_{number}{name[len(stem) :]}", format
