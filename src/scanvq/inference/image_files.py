"""Writing of generated images: PNG, NIfTI, or a single npz file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import FORMATS, Provenance, Scan, Spacing

KINDS = ("png", "nifti", "npz")


def check_kind(kind: str) -> None:
    """Raises ValueError for a file format that `write_pictures` does not support."""
    if kind not in KINDS:
        raise ValueError(f"--format is {kind!r}; use png, nifti or npz")


def write_pictures(
    out: Path,
    images: NDArray[np.float32],
    kind: str,
    provenance: Provenance,
    *,
    stem: str = "image",
    spacing: Spacing | None = None,
) -> None:
    """Writes images (n, H, W) in [0, 1] into a folder.

    Args:
        out: the folder.
        images: intensities in [0, 1].
        kind: "png" (8 bit), "nifti" (float32, a file per image), or "npz" (a single file, array `images`).
        provenance: model and seed, written to every file.
        stem: of the file names.
        spacing: millimeters between rows and between columns, for formats that have it.

    Raises:
        ValueError: an unsupported kind.
    """
    check_kind(kind)
    out.mkdir(parents=True, exist_ok=True)
    if kind == "npz":
        FORMATS["npz"].write(out / f"{stem}s.npz", Scan(slices=images, spacing=spacing), provenance)
        return
    for name, image in zip(picture_names(len(images), kind, stem=stem), images, strict=True):
        pixels: NDArray[Any] = np.round(image * 255).astype(np.uint8) if kind == "png" else image
        FORMATS[kind].write(out / name, Scan(slices=pixels[None], spacing=spacing), provenance)


def picture_files(count: int, kind: str, *, stem: str) -> list[str]:
    """The files that `write_pictures` writes."""
    return list(dict.fromkeys(name.partition("#")[0] for name in picture_names(count, kind, stem=stem)))


def picture_names(count: int, kind: str, *, stem: str) -> list[str]:
    """The file of each image that `write_pictures` writes; in one npz file, with `#number`."""
    if kind == "npz":
        return [f"{stem}s.npz#{number}" for number in range(count)]
    digits = max(3, len(str(count - 1)))
    suffix = ".png" if kind == "png" else ".nii.gz"
    return [f"{stem}_{number:0{digits}d}{suffix}" for number in range(count)]


def contact_sheet(images: NDArray[np.float32], *, columns: int = 8) -> NDArray[np.uint8]:
    """Images (n, H, W) in [0, 1] as a grid in a single image, separated by thin lines."""
    count, height, width = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 2), columns * (width + 2)), 64, np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * (height + 2) + 1, number % columns * (width + 2) + 1
        sheet[top : top + height, left : left + width] = np.round(image * 255)
    return sheet
