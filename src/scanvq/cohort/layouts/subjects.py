"""Subject identification: from a subjects.csv, a BIDS name, a folder or the file name."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scanvq.cohort.catalog import CatalogError

NAME = "subjects.csv"
SUBJECT_COLUMNS = ("subject", "subject_id", "participant_id", "patient", "patient_id")
LABEL_COLUMNS = ("label", "class", "diagnosis", "group_label", "dx")
_BIDS = re.compile(r"sub-[A-Za-z0-9]+")
_SLICE = re.compile(r"[_-](?:slice|slc|sl|z|frame)[_-]?\d+$", re.IGNORECASE)
_NUMBER = re.compile(r"[_-]\d+$")


@dataclass(frozen=True)
class Subject:
    """A row of a subjects.csv."""

    group: str
    label: str | None


def read_subjects(folder: Path) -> Mapping[str, Subject]:
    """Reads the subjects.csv in a folder, its parent, or anywhere below; empty if there is none.

    Raises:
        CatalogError: an unreadable table, or one without a subject column.
    """
    path = find_subject_table(folder)
    return {} if path is None else _read(path)


def find_subject_table(folder: Path) -> Path | None:
    """The path of the subjects.csv in a folder, its parent, or anywhere below; None if there is none."""
    for path in (folder / NAME, folder.parent / NAME):
        if path.is_file():
            return path
    below = [Path(here) for here, _, files in os.walk(folder) if NAME in files]
    return below[0] / NAME if len(below) == 1 else None


def identify_subjects(paths: Sequence[Path], subjects: Mapping[str, Subject]) -> list[str]:
    """The subject of every file; all files are considered together so that no subject is divided.

    The first rule that applies: a subject of the table with which the file name or one of its folders begins;
    sub-NAME in the path; the first folder; the file name without a trailing slice number. So case_7_slice_3
    is of case_7, and 11_1, 11_2, 12_1, ... are series of 11 and 12.

    Args:
        paths: paths without folders of splits and classes, and without common leading folders.
        subjects: the table.
    """
    names: dict[str, str] = {}  # every name is stored once
    by_path = [
        names.setdefault(subject, subject) if (subject := _subject_in_path(path, subjects)) else None
        for path in paths
    ]
    numbered = _are_numbered(path for path, subject in zip(paths, by_path, strict=True) if subject is None)
    subject_of_name = _series if numbered else _stem
    return [
        subject if subject is not None else names.setdefault(name := subject_of_name(path), name)
        for path, subject in zip(paths, by_path, strict=True)
    ]


def group_of(subject: str, subjects: Mapping[str, Subject]) -> str:
    return subjects[subject].group if subject in subjects else subject


def label_of(subject: str, subjects: Mapping[str, Subject]) -> str | None:
    return subjects[subject].label if subject in subjects else None


def known_value(text: str) -> str | None:
    """The text of a table cell; None for an empty cell or a code for missing values."""
    text = text.strip()
    return None if text.lower() in ("", "n/a", "na", "nan", "none", "unknown") else text


def _subject_in_path(path: Path, subjects: Mapping[str, Subject]) -> str | None:
    """The subject by the table, sub-NAME or the first folder; None if only the file name remains."""
    for name in (path.name.split(".")[0], *reversed(path.parts[:-1])):
        pieces = re.split(r"([_-])", name)
        for length in range(len(pieces), 0, -2):
            if (prefix := "".join(pieces[:length])) in subjects:
                return prefix
    if bids := _BIDS.search(path.as_posix()):
        return bids.group()
    return path.parts[0] if len(path.parts) > 1 else None


def _stem(path: Path) -> str:
    return _SLICE.sub("", path.name.split(".")[0])


def _series(path: Path) -> str:
    return _NUMBER.sub("", _stem(path))


def _are_numbered(paths: Iterable[Path]) -> bool:
    """Whether file names are numbered series, such as 218391_78 and 218391_79, of names with a number."""
    series = Counter(_series(path) for path in paths if _NUMBER.search(_stem(path)))
    names_have_numbers = all(re.search(r"\d", name) for name in series)
    return len(series) >= 3 and names_have_numbers and sum(series.values()) >= 2 * len(series)


def _read(path: Path) -> Mapping[str, Subject]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [
                {(name or "").strip().lower(): value or "" for name, value in row.items() if name}
                for row in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{path} cannot be read: {error}") from None
    column = next((name for name in SUBJECT_COLUMNS if rows and name in rows[0]), None)
    if rows and column is None:
        columns = ", ".join(map(str, rows[0]))
        raise CatalogError(f"{path} has none of the columns {', '.join(SUBJECT_COLUMNS)}; it has {columns}")
    label_column = next((name for name in LABEL_COLUMNS if rows and name in rows[0]), None)
    return {
        row[column]: Subject(
            group=row.get("patient_group") or row[column],
            label=known_value(row[label_column]) if label_column else None,
        )
        for row in rows
        if column is not None and row[column]
    }
