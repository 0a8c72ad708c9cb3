"""Who a file is of: from a subjects.csv, a BIDS name, or the file's own name."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scanvq.data.catalog import CatalogError

NAME = "subjects.csv"
SUBJECT_COLUMNS = ("subject", "subject_id", "participant_id", "patient", "patient_id")
LABEL_COLUMNS = ("label", "class", "diagnosis", "group_label", "dx")
_BIDS = re.compile(r"sub-[A-Za-z0-9]+")
_SLICE = re.compile(r"[_-](?:slice|slc|sl|z|frame)[_-]?\d+$", re.IGNORECASE)


@dataclass(frozen=True)
class Subject:
    """A row of a subjects.csv."""

    group: str
    label: str | None


def read_subjects(folder: Path) -> Mapping[str, Subject]:
    """The subjects.csv in a folder or one above; empty where there is none.

    Raises:
        CatalogError: a table without a column of subjects.
    """
    for path in (folder / NAME, folder.parent / NAME):
        if path.is_file():
            return _read(path)
    return {}


def subject_of(path: Path, subjects: Mapping[str, Subject]) -> str:
    """The subject of a file: a name of the table that its own begins with, sub-XXX in its path, else its name.

    Of its own name, a slice number at the end is no part: case_7_slice_3 is of case_7.
    """
    stem = path.name.split(".")[0]
    pieces = re.split(r"([_-])", stem)
    for length in range(len(pieces), 0, -2):
        if (start := "".join(pieces[:length])) in subjects:
            return start
    if bids := _BIDS.search(path.as_posix()):
        return bids.group()
    return _SLICE.sub("", stem)


def group_of(subject: str, subjects: Mapping[str, Subject]) -> str:
    return subjects[subject].group if subject in subjects else subject


def label_of(subject: str, subjects: Mapping[str, Subject]) -> str | None:
    return subjects[subject].label if subject in subjects else None


def _read(path: Path) -> Mapping[str, Subject]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{path} cannot be read: {error}") from None
    column = next((name for name in SUBJECT_COLUMNS if rows and name in rows[0]), None)
    if rows and column is None:
        there = ", ".join(map(str, rows[0]))
        raise CatalogError(f"{path} has none of the columns {', '.join(SUBJECT_COLUMNS)}; it has {there}")
    label_column = next((name for name in LABEL_COLUMNS if rows and name in rows[0]), None)
    return {
        row[column]: Subject(
            group=row.get("patient_group") or row[column],
            label=(row[label_column] or None) if label_column else None,
        )
        for row in rows
        if column is not None and row[column]
    }
