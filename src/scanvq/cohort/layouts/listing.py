"""Which of many files are scans: by their suffixes, and DICOM and npz by what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scanvq.imaging.formats import is_readable
from scanvq.imaging.formats.dicom_files import find_series, is_dicom
from scanvq.imaging.formats.npz import SUFFIX, holds_images
from scanvq.imaging.paths import Paths


@dataclass(frozen=True)
class Listing:
    """Attributes:
    scans: relative paths: files, folders of one DICOM series, or FOLDER/SERIES UID.
    patients: the PatientID of DICOM scans, where their headers hold one.
    left: kinds of DICOM files that are no scans, with their numbers.
    rest: files that are not read.
    """

    scans: Paths
    patients: Mapping[Path, str]
    left: Counter[str]
    rest: Paths


def list_scans(root: Path, files: Iterable[Path], *, tables: tuple[str, ...] = ()) -> Listing:
    """Sorts the files of a folder, given relative to it, into scans and others.

    Args:
        root: the folder.
        files: of any kind.
        tables: suffixes of files that need not be opened to know that they are no scans.
    """
    scans, dicom, rest = Paths(), Paths(), Paths()
    for path in files:
        name = path.name.lower()
        if name.endswith(SUFFIX):
            (scans if holds_images(root / path) else rest).append(path)
        elif name == "dicomdir" or name.endswith(tables):
            rest.append(path)
        elif is_readable(path) and not is_dicom(Path(name)):
            scans.append(path)
        elif is_dicom(root / path):
            dicom.append(path)
        else:
            rest.append(path)
    found = find_series(root, dicom)
    for path in found.scans:
        scans.append(path)
    return Listing(scans, found.patients, found.skipped, rest)
