"""Selects scans among files: by suffix, and DICOM and npz by content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scanvq.cohort.ordered_map import ordered_map
from scanvq.imaging.formats import UnreadableScan, format_of, is_readable
from scanvq.imaging.formats.dicom_files import find_series, is_dicom
from scanvq.imaging.formats.npz import SUFFIX, holds_images
from scanvq.imaging.paths import Paths

PREFETCH = 64  # files read ahead


@dataclass(frozen=True)
class Listing:
    """The files of a folder, divided into scans and others.

    Attributes:
        scans: relative paths of files, folders of one DICOM series, or FOLDER/SERIES UID.
        patients: PatientID of the DICOM scans that have one.
        skipped: number of DICOM files that are no scans, by reason.
        others: files that are not read.
        notes: on DICOM series that are no volume.
    """

    scans: Paths
    patients: Mapping[Path, str]
    skipped: Counter[str]
    others: Paths
    notes: Sequence[str] = ()


def list_scans(root: Path, files: Iterable[Path], *, tables: tuple[str, ...] = ()) -> Listing:
    """Divides the files of a folder, given relative to it, into scans and others.

    Args:
        root: the folder.
        files: any files.
        tables: suffixes of files that are no scans and need not be opened.
    """
    scans, dicom, others = Paths(), Paths(), Paths()
    for path in files:
        name = path.name.lower()
        if name.endswith(SUFFIX):
            (scans if holds_images(root / path) else others).append(path)
        elif name == "dicomdir" or name.endswith(tables):
            others.append(path)
        elif is_readable(path) and not is_dicom(Path(name)):
            scans.append(path)
        elif is_dicom(root / path):
            dicom.append(path)
        else:
            others.append(path)
    series = find_series(root, dicom)
    for path in series.scans:
        scans.append(path)
    return Listing(scans, series.patients, series.skipped, others, series.notes)


def divide_generated(root: Path, scans: Iterable[Path]) -> tuple[Paths, Paths]:
    """Divides scans, given relative to a folder, into those that are not marked as synthetic, and others."""

    def is_generated(path: Path) -> bool:
        try:
            return format_of(root / path).is_synthetic(root / path)
        except UnreadableScan:  # reported when its header is read
            return False

    others, generated, listed = Paths(), Paths(), Paths(scans)
    with ThreadPoolExecutor() as pool:
        marks = ordered_map(pool, is_generated, listed, prefetch=PREFETCH)
        for path, mark in zip(listed, marks, strict=True):
            (generated if mark else others).append(path)
    return others, generated
