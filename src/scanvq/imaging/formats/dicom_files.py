"""DICOM files, recognized by their content instead of their names, and grouped into series."""

from __future__ import annotations

import re
import struct
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

from scanvq.imaging.formats.dicom_values import frame_count, has_image
from scanvq.imaging.formats.reading import UnreadableScan, read_bytes

SUFFIXES = (".dcm", ".dicom", ".ima")
_SHORT_VRS = {b"UL", b"CS", b"UI", b"DA", b"TM", b"SH", b"LO", b"PN", b"US", b"AE", b"IS", b"DS"}
_UID = re.compile(r"\d+(?:\.\d+){3,}")
_ANONYMOUS_IDS = {"", "0", "anon", "anonymous", "anonymized", "anonymised", "none", "unknown", "n/a"}
_SUMMARY_TAGS = [
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
    """The tags that assign a file to a scan. Names of patients are never read."""

    series: str
    patient: str
    has_image: bool
    segmentation: bool
    stackable: bool


@dataclass
class DicomScans:
    """DICOM scans among some files.

    Attributes:
        scans: single files, folders that are one series, or FOLDER/SERIES UID.
        patients: PatientID of the scans that have one.
        skipped: number of skipped files by reason.
        notes: on series that are no volume, with a file, and what their slices are taken for.
    """

    scans: list[Path] = field(default_factory=list)
    patients: dict[Path, str] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


@contextmanager
def dicom_errors(path: Path) -> Iterator[None]:
    """Converts any error of pydicom and its decoders to UnreadableScan, and silences its warnings."""
    warnings.filterwarnings("ignore", module=r"pydicom")
    try:
        yield
    except UnreadableScan:
        raise
    except MemoryError:
        raise UnreadableScan(path, "too large for the memory of this machine") from None
    except Exception as error:  # a damaged file may fail anywhere inside
        message = " ".join(str(error).split())
        if "missing dependencies" in message or "does not support" in message:
            kind = re.search(r"'([^']+)'", message)
            compression = f"compressed ({kind[1]})" if kind else "compressed"
            reason = (
                f"{compression}, and no installed decoder reads it; pip install 'scanvq[dicom]', or save it "
                "uncompressed"
            )
        elif "no pixel data to decode" in message:
            reason = "DICOM header without pixel data"
        else:
            message = message.rpartition("all available plugins: ")[2]
            reason = f"damaged DICOM file ({message[:120] or type(error).__name__})"
        raise UnreadableScan(path, reason) from None


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its suffix, the prefix DICM after the preamble, or its first two tags."""
    if path.name.lower().endswith(SUFFIXES):
        return True
    try:
        head = read_bytes(path, 512)
    except UnreadableScan:
        return False
    return head[128:132] == b"DICM" or _starts_with_tags(head)


def _starts_with_tags(head: bytes) -> bool:
    """Whether a file without preamble begins with two elements in ascending order, of the first groups."""
    if head[:2] not in (b"\x02\x00", b"\x08\x00") or len(head) < 16:
        return False
    first = struct.unpack_from("<HH", head)
    if head[4:6] in _SHORT_VRS:
        length, begin = struct.unpack_from("<H", head, 6)[0], 8
    elif head[4:6].isalpha():  # a VR with a length of 32 bits, after 2 reserved bytes
        length, begin = struct.unpack_from("<I", head, 8)[0], 12
    else:
        length, begin = struct.unpack_from("<I", head, 4)[0], 8
    end = begin + length
    if length % 2 or end + 4 > len(head):
        return False
    second = struct.unpack_from("<HH", head, end)
    return first < second and second[0] in (2, 8, 16)


def read_dataset(path: Path, *, pixels: bool) -> FileDataset:
    """The data set of a file, with or without its pixels. Raises UnreadableScan, or errors of pydicom."""
    content = read_bytes(path, -1 if pixels else 132)
    data = dcmread(BytesIO(content) if pixels else path, stop_before_pixels=not pixels, force=True)
    if content[128:132] != b"DICM" and not _looks_like_dicom(data):
        raise UnreadableScan(path, "not a DICOM file, or its header is damaged")
    if not data.file_meta.get("TransferSyntaxUID"):
        implicit, little = data.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        data.file_meta.TransferSyntaxUID = syntax if little else ExplicitVRBigEndian
    return data


def _looks_like_dicom(data: Dataset) -> bool:
    """Whether a file without the prefix DICM has the tags of a DICOM image."""
    return "SOPClassUID" in data or has_image(data)


def is_series(path: Path) -> bool:
    """Whether a path is a folder, or FOLDER/SERIES UID."""
    return path.is_dir() or (
        _UID.fullmatch(path.name) is not None and not path.exists() and path.parent.is_dir()
    )


def series_files(path: Path) -> list[Path]:
    """The files of one series, or the one file that `path` is.

    Raises:
        UnreadableScan: no DICOM image, or a folder of several series.
    """
    if not is_series(path):
        return [path]
    folder = path if path.is_dir() else path.parent
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name[0] != "."]
    summaries = {
        file: summary for file in files if is_dicom(file) and (summary := summarize_file(file)).has_image
    }
    if folder != path:
        summaries = {file: summary for file, summary in summaries.items() if summary.series == path.name}
    series = sorted({summary.series for summary in summaries.values()})
    if not summaries:
        raise UnreadableScan(path, "a folder without DICOM images" if folder == path else "no such series")
    if len(series) > 1:
        raise UnreadableScan(path, f"holds {len(series)} series; name one, such as {path.name}/{series[0]}")
    return list(summaries)


def find_series(root: Path, files: Iterable[Path]) -> DicomScans:
    """Groups DICOM files, given relative to `root`, into scans.

    A series is one scan if each of its files is a slice with a position. All other files are separate scans;
    files without an image, and segmentations, are skipped.
    """
    scans = DicomScans()
    folders: dict[Path, list[tuple[Path, FileSummary]]] = defaultdict(list)
    for path in files:
        try:
            summary = summarize_file(root / path)
        except UnreadableScan:  # reported when its pixels are read
            scans.scans.append(path)
            continue
        if summary.has_image and not summary.segmentation:
            folders[path.parent].append((path, summary))
        else:
            scans.skipped["DICOM segmentations" if summary.segmentation else "DICOM without an image"] += 1
    for folder, files_inside in folders.items():
        _add_series(scans, folder, files_inside)
    return scans


def _add_series(result: DicomScans, folder: Path, files: Sequence[tuple[Path, FileSummary]]) -> None:
    files_of: dict[str, list[tuple[Path, FileSummary]]] = defaultdict(list)
    for path, summary in files:
        files_of[summary.series].append((path, summary))
    for series, members in files_of.items():
        paths = [path for path, _ in members]
        patients = {path: summary.patient for path, summary in members if summary.patient}
        problem = _problem(members) if series else None
        if series and not problem and len(members) > 1 and all(each.stackable for _, each in members):
            scan = folder if len(files_of) == 1 else folder / series
            result.scans.append(scan)
            if patients:
                result.patients[scan] = patients[paths[0]]
            continue
        result.scans += paths
        result.patients.update(patients)
        if problem:
            result.notes.append(
                f"DICOM: the {len(members)} files of a series in {folder} {problem}, so each is a scan"
            )


def _problem(members: Sequence[tuple[Path, FileSummary]]) -> str | None:
    """Why the files of one series contradict each other; None if they do not."""
    if len(patients := {summary.patient for _, summary in members}) > 1:
        named = sorted(patient or "nobody" for patient in patients)
        return f"are of {len(patients)} patients, such as {named[0]} and {named[1]}"
    apart = [path.name for path, summary in members if not summary.stackable]
    if 0 < len(apart) < len(members):
        return f"are slices, but {len(apart)} of them without a position, such as {apart[0]}"
    return None


def summarize_file(path: Path) -> FileSummary:
    """Reads the summary of a file from its header. Raises UnreadableScan."""
    try:
        status = path.stat()
    except OSError as error:
        raise UnreadableScan(path, f"cannot be opened: {error.strerror or error}") from None
    return _cached_summary(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=2**15)
def _cached_summary(path: Path, size: int, changed: int) -> FileSummary:
    """The summary of a file; size and time of change are part of the cache key."""
    preamble = read_bytes(path, 132)
    with dicom_errors(path):
        data = dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_SUMMARY_TAGS))
        if preamble[128:] != b"DICM" and not _looks_like_dicom(data):
            raise UnreadableScan(path, "not a DICOM file, or its header is damaged")
        patient = str(data.get("PatientID") or "").strip()
        return FileSummary(
            series=str(data.get("SeriesInstanceUID") or ""),
            patient="" if patient.lower() in _ANONYMOUS_IDS else patient,
            has_image=has_image(data),
            segmentation=str(data.get("Modality")) == "SEG",
            stackable=_stackable(data),
        )


def _stackable(data: Dataset) -> bool:
    """Whether a file is a single slice with position and orientation."""
    has_position = bool(data.get("ImagePositionPatient")) and bool(data.get("ImageOrientationPatient"))
    return has_position and frame_count(data) == 1
