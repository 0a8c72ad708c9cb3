"""The file formats that are read and written. A new one is a file here and a line in FORMATS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from scanvq.imaging.formats import nifti, npz
from scanvq.imaging.formats.dicom import Dicom
from scanvq.imaging.formats.dicom_files import is_dicom, is_series
from scanvq.imaging.formats.format import (
    Format,
    Header,
    Plane,
    Provenance,
    Scan,
    Spacing,
    UnreadableScan,
    check,
)
from scanvq.imaging.formats.jpeg import Jpeg
from scanvq.imaging.formats.nifti import Nifti
from scanvq.imaging.formats.npy import Npy
from scanvq.imaging.formats.npz import Npz
from scanvq.imaging.formats.orientation import PLANES
from scanvq.imaging.formats.png import Png

FORMATS: Mapping[str, Format] = MappingProxyType(
    {"png": Png(), "jpeg": Jpeg(), "nifti": Nifti(), "dicom": Dicom(), "npy": Npy(), "npz": Npz()}
)
READABLE: tuple[str, ...] = tuple(suffix for one in FORMATS.values() for suffix in one.suffixes)

__all__ = [
    "FORMATS",
    "PLANES",
    "READABLE",
    "Format",
    "Header",
    "Plane",
    "Provenance",
    "Scan",
    "Spacing",
    "UnreadableScan",
    "check",
    "format_of",
    "is_inside",
    "is_readable",
    "is_series",
    "own_name",
    "stem_of",
]


def format_of(path: Path | str) -> Format:
    """The format of a scan: by its suffix; of a folder, a series or a file without one, DICOM.

    Raises:
        UnreadableScan: naming the known suffixes.
    """
    path = Path(path)
    name = path.name.lower()
    for one in FORMATS.values():
        if name.endswith(one.suffixes):
            return one
    if (inside := _inside(path)) is not None:
        return inside
    if is_series(path) or is_dicom(path):
        return FORMATS["dicom"]
    raise UnreadableScan(path, f"not a known kind of file; known are {', '.join(READABLE)}")


def is_inside(path: Path | str) -> bool:
    """Whether a path names a part of a file: an image of an npz, a channel of a NIfTI."""
    return _inside(Path(path)) is not None


def own_name(path: Path | str) -> tuple[str, Format]:
    """The name that a scan has as a file of its own, and the format that it is written in.

    An image of an npz file becomes PNG, a channel of a NIfTI file NIfTI: `small_test_images_3.png`.
    """
    path = Path(path)
    inside = _inside(path)
    if inside is FORMATS["npz"]:
        file = path.parents[1].name
        return f"{stem_of(file)}_{path.parent.name}_{path.name}.png", FORMATS["png"]
    if inside is not None:
        stem = stem_of(path.parent.name)
        return f"{stem}_{path.name}{path.parent.name[len(stem) :]}", inside
    return path.name, format_of(path)


def _inside(path: Path) -> Format | None:
    if npz.place_of(path)[1] is not None:
        return FORMATS["npz"]
    return FORMATS["nifti"] if nifti.place_of(path)[1] is not None else None


def is_readable(path: Path | str) -> bool:
    """Whether the suffix of a file is one that is read."""
    return Path(path).name.lower().endswith(READABLE)


def stem_of(path: Path | str) -> str:
    """A file's name without its suffixes: case_001_slice_0.nii.png gives case_001_slice_0."""
    name = Path(path).name
    for suffix in (*READABLE, ".nii"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name
