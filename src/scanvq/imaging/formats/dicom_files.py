"""DICOM files found by what they hold, not by their names, and gathered into series."""

from __future__ import annotations

import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanvq.imaging.formats.dicom_values import frames_of, has_picture
from scanvq.imaging.formats.format import UnreadableScan, read_bytes

SUFFIXES = (".dcm", ".dicom", ".ima")
_UID = re.compile(r"\d+(?:\.\d+){3,}")
_NOBODY = {"", "0", "anon", "anonymous", "anonymized", "anonymised", "none", "unknown", "n/a"}
_FACTS = [
    "SOPClassUID",
    "Modality",
    "PatientID",
    "SeriesInstanceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "NumberOfFrames",
    "Rows",
    "Columns",
]


@dataclass(frozen=True)
class FileSummary:
    """What is needed of a file to know which scan it belongs to. Names of people are never read."""

    series: str
    patient: str
    picture: bool
    segmentation: bool
    stackable: bool


@dataclass
class Found:
    """The scans among some files: single files, folders that are one series, or FOLDER/SERIES UID."""

    scans: list[Path] = field(default_factory=list)
    patients: dict[Path, str] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)


@contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Whatever pydicom and its decoders raise becomes an UnreadableScan; its remarks are not for users."""
    warnings.filterwarnings("ignore", module=r"pydicom")
    try:
        yield
    except UnreadableScan:
        raise
    except MemoryError:
        raise UnreadableScan(path, "too large for the memory of this machine") from None
    except Exception as error:  # a damaged file may fail anywhere inside
        reported = " ".join(str(error).split())
        if "missing dependencies" in reported or "does not support" in reported:
            kind = re.search(r"'([^']+)'", reported)
            what = f"compressed ({kind[1]})" if kind else "compressed"
            reason = (
                f"{what} as no decoder here reads it; pip install 'scanvq[dicom]', or save it uncompressed"
            )
        elif "no pixel data to decode" in reported:
            reason = "DICOM without pixels: its header is all there is"
        else:
            reported = reported.rpartition("all available plugins: ")[2]
            reason = f"damaged DICOM file ({reported[:120] or type(error).__name__})"
        raise UnreadableScan(path, reason) from None


def is_dicom(path: Path) -> bool:
    """Whether a file says that it is DICOM, by its suffix or by its 129th to 132nd byte."""
    if path.name.lower().endswith(SUFFIXES):
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_dataset(path: Path, *, pixels: bool) -> FileDataset:
    """A file's elements, with or without those of the pixels. Raises what pydicom raises, too."""
    start = read_bytes(path, -1 if pixels else 132)
    data = dcmread(BytesIO(start) if pixels else path, stop_before_pixels=not pixels, force=True)
    if start[128:132] != b"DICM" and not _likely(data):
        raise UnreadableScan(path, "not a DICOM file, or its header is damaged")
    if not data.file_meta.get("TransferSyntaxUID"):
        implicit, little = data.original_encoding
        known = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        data.file_meta.TransferSyntaxUID = known if little else ExplicitVRBigEndian
    return data


def _likely(data: Dataset) -> bool:
    """Whether bytes without DICOM's mark, read as if they were DICOM, make sense."""
    return "SOPClassUID" in data or has_picture(data)


def is_series(path: Path) -> bool:
    """Whether a path is a folder, or FOLDER/SERIES UID."""
    return path.is_dir() or (
        _UID.fullmatch(path.name) is not None and not path.exists() and path.parent.is_dir()
    )


def series_files(path: Path) -> list[Path]:
    """The files of one series, or the one file that `path` is.

    Raises:
        UnreadableScan: none, or a folder of several series.
    """
    if not is_series(path):
        return [path]
    folder = path if path.is_dir() else path.parent
    facts = {
        file: known
        for file in sorted(folder.iterdir())
        if file.is_file() and file.name[0] != "." and is_dicom(file) and (known := facts_of(file)).picture
    }
    if folder != path:
        facts = {file: known for file, known in facts.items() if known.series == path.name}
    series = sorted({known.series for known in facts.values()})
    if not facts:
        raise UnreadableScan(path, "a folder without DICOM pictures" if folder == path else "no such series")
    if len(series) > 1:
        raise UnreadableScan(path, f"holds {len(series)} series; name one, such as {path.name}/{series[0]}")
    return list(facts)


def find_series(root: Path, files: Iterable[Path]) -> Found:
    """Gathers DICOM files, given relative to `root`, into scans.

    A series is one scan where each of its files is a slice with a position. All other files are scans of
    their own; those without a picture, and segmentations, are left.
    """
    found = Found()
    folders: dict[Path, list[tuple[Path, FileSummary]]] = defaultdict(list)
    for path in files:
        try:
            facts = facts_of(root / path)
        except UnreadableScan:  # told when it is read
            found.scans.append(path)
            continue
        if facts.picture and not facts.segmentation:
            folders[path.parent].append((path, facts))
        else:
            found.left["DICOM segmentations" if facts.segmentation else "DICOM without a picture"] += 1
    for folder, inside in folders.items():
        _gather(found, folder, inside)
    return found


def _gather(found: Found, folder: Path, inside: Sequence[tuple[Path, FileSummary]]) -> None:
    members: dict[str, list[tuple[Path, FileSummary]]] = defaultdict(list)
    for path, facts in inside:
        members[facts.series].append((path, facts))
    for series, its in members.items():
        if series and len(its) > 1 and all(facts.stackable for _, facts in its):
            scans = [folder if len(members) == 1 else folder / series]
        else:
            scans = [path for path, _ in its]
        found.scans += scans
        if patient := its[0][1].patient:
            found.patients.update(dict.fromkeys(scans, patient))


def facts_of(path: Path) -> FileSummary:
    """What a file's header says of the scan it belongs to. Raises UnreadableScan."""
    try:
        status = path.stat()
    except OSError as error:
        raise UnreadableScan(path, f"cannot be opened: {error.strerror or error}") from None
    return _facts(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=2**15)
def _facts(path: Path, size: int, changed: int) -> FileSummary:
    """`facts_of` a file of this size and time of change."""
    start = read_bytes(path, 132)
    with plainly(path):
        data = dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_FACTS))
        if start[128:] != b"DICM" and not _likely(data):
            raise UnreadableScan(path, "not a DICOM file, or its header is damaged")
        patient = str(data.get("PatientID") or "").strip()
        return FileSummary(
            series=str(data.get("SeriesInstanceUID") or ""),
            patient="" if patient.lower() in _NOBODY else patient,
            picture=has_picture(data),
            segmentation=str(data.get("Modality")) == "SEG",
            stackable=_stackable(data),
        )


def _stackable(data: Dataset) -> bool:
    placed = bool(data.get("ImagePositionPatient")) and bool(data.get("ImageOrientationPatient"))
    return placed and frames_of(data) == 1
