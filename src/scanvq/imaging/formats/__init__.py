"""Image file formats. A new format is one file here and one line in FORMATS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from scanvq.imaging.formats import nifti, npz
from scanvq.imaging.formats.dicom import Dicom
from scanvq.imaging.formats.dicom_files import is_dicom, is_series
from scanvq.imaging.formats.format import Format, Header, Plane, Provenance, Scan, Source, Spacing, check
from scanvq.imaging.formats.jpeg import Jpeg
from scanvq.imaging.formats.nifti import Nifti
from scanvq.imaging.formats.npy import Npy
from scanvq.imaging.formats.npz import Npz
from scanvq.imaging.formats.orientation import PLANES
from scanvq.imaging.formats.png import Png
from scanvq.imaging.formats.reading import UnreadableScan

FORMATS: Mapping[str, Format] = MappingProxyType(
    {"png": Png(), "jpeg": Jpeg(), "nifti": Nifti(), "dicom": Dicom(), "npy": Npy(), "npz": Npz()}
)
READABLE: tuple[str, ...] = tuple(suffix for format in FORMATS.values() for suffix in format.suffixes)

__all__ = [
    "FORMATS",
    "PLANES",
    "READABLE",
    "Format",
    "Header",
    "Plane",
    "Provenance",
    "Scan",
    "Source",
    "Spacing",
    "UnreadableScan",
    "check",
    "format_of",
    "is_part_of_file",
    "is_readable",
    "is_series",
    "output_name",
    "stem_of",
]


def format_of(path: Path | str) -> Format:
    """The format of a scan by its suffix; DICOM for a folder, a series, or a DICOM file without suffix.

    Raises:
        UnreadableScan: an unknown format; the message lists the known suffixes.
    """
    path = Path(path)
    name = path.name.lower()
    for format in FORMATS.values():
        if name.endswith(format.suffixes):
            return format
    if (container := _container(path)) is not None:
        return container
    if is_series(path) or is_dicom(path):
        return FORMATS["dicom"]
    raise UnreadableScan(path, f"not a known kind of file; known are {', '.join(READABLE)}")


def is_part_of_file(path: Path | str) -> bool:
    """Whether a path names a part of a file: an image of an npz file, a channel of a NIfTI file."""
    return _container(Path(path)) is not None


def output_name(path: Path | str) -> tuple[str, Format]:
    """The file name and the format in which a scan is written.

    An image of an npz file becomes a PNG file (`small_test_images_3.png`), a channel of a NIfTI file a NIfTI
    file.
    """
    path = Path(path)
    container = _container(path)
    if container is FORMATS["npz"]:
        file = path.parents[1].name
        return f"{stem_of(file)}_{path.parent.name}_{path.name}.png", FORMATS["png"]
    if container is not None:
        stem = stem_of(path.parent.name)
        return f"{stem}_{path.name}{path.parent.name[len(stem) :]}", container
    return path.name, format_of(path)


def _container(path: Path) -> Format | None:
    """The format of the file that a path names a part of; None for any other path."""
    if npz.split_member(path)[1] is not None:
        return FORMATS["npz"]
    return FORMATS["nifti"] if nifti.split_channel(path)[1] is not None else None


def is_readable(path: Path | str) -> bool:
    """Whether the suffix of a file is supported."""
    return Path(path).name.lower().endswith(READABLE)


def stem_of(path: Path | str) -> str:
    """A file's name without its suffixes: case_001_slice_0.nii.png gives case_001_slice_0."""
    name = Path(path).name
    for suffix in (*READABLE, ".nii"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name
