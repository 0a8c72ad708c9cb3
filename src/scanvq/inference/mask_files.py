"""Masks of lesions beside scans: found by name, of the scan's size, 0 outside and 255 inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Plane, Scan, format_of, is_readable, stem_of
from scanvq.inference.scan_files import names_of, visible_files


def match_masks(scans: Sequence[Path], folder: Path) -> list[Path | None]:
    """The mask of each scan; None = no file, which means no lesion.

    A mask has the scan's name without suffixes, or that name with a suffix of its own: `sub-1_lesion.png` for
    `sub-1.png`, also with another format.

    Raises:
        ValueError: no such folder, no mask for any scan, or several masks for one.
    """
    if not folder.is_dir():
        raise ValueError(f"--masks is {folder}; there is no such folder")
    files = sorted(folder / path for path in visible_files(folder) if is_readable(path))
    stems = [stem_of(path) for path in files]
    wanted = [stem_of(name) for name in names_of(scans)]
    found: list[Path | None] = []
    for stem in wanted:
        equal = [path for path, own in zip(files, stems, strict=True) if own == stem]
        longer = [
            path
            for path, own in zip(files, stems, strict=True)
            if own.startswith(f"{stem}_")
            and not any(own.startswith(one) for one in wanted if len(one) > len(stem))
        ]
        several = equal or longer
        if len(several) > 1:
            listed = ", ".join(path.name for path in several)
            raise ValueError(
                f"{folder} has {len(several)} masks for {stem}: {listed}; leave one of them there"
            )
        found.append(several[0] if several else None)
    if not any(found):
        raise ValueError(
            f"none of the {len(files)} images in {folder} is a mask of these scans; a mask is named as its "
            f"scan, or with a suffix such as {wanted[0]}_lesion"
        )
    return found


def read_mask(path: Path | None, scan: Scan, *, plane: Plane) -> NDArray[np.bool_]:
    """The mask (S, H, W) of a scan, True inside a lesion; all False without a file.

    Raises:
        ValueError: another size than the scan, or other values than 0 and one more.
        UnreadableScan: a damaged file.
    """
    if path is None:
        return np.zeros(scan.slices.shape, np.bool_)
    slices = format_of(path).read(path, plane=plane).slices
    if slices.shape != scan.slices.shape:
        sizes = ["x".join(map(str, one)) for one in (slices.shape, scan.slices.shape)]
        raise ValueError(f"the mask {path} is {sizes[0]}, its scan {sizes[1]}; they must have the same size")
    values = np.unique(slices)
    if len(values) > 2 or (len(values) == 2 and values[0] != 0):
        raise ValueError(
            f"the mask {path} has {len(values)} values; it must be 0 outside and one value, such as 255, "
            "inside"
        )
    inside: NDArray[np.bool_] = slices != 0
    return inside
