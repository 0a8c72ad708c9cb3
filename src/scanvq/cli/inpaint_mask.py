"""The mask and the file names of completions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scanvq.imaging.formats import Format, Scan


def mask_of(scan: Scan, mask: Path | None, keep: str | None) -> NDArray[np.bool_]:
    """(H, W), True where the scan is to be filled in: from a picture, or from the half that is kept.

    Raises:
        ValueError: an unknown half, or a mask of several slices or another size than the scan's.
    """
    from scanvq.imaging.formats import format_of
    from scanvq.model.inpaint import unknown_region

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

    JPEG, which would change known pixels, and single images of an npz file become PNG.
    """
    from scanvq.imaging.formats import FORMATS, own_name, stem_of

    name, format = own_name(file)
    stem = stem_of(name)
    if format is FORMATS["jpeg"]:
        return out / f"{stem}_{number}.png", FORMATS["png"]
    return out / f"{stem}_{number}{name[len(stem) :]}", format
