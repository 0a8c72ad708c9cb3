"""Who a file is of: from a subjects.csv, a BIDS name, or the file's own name."""

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
    """The subjects.csv in a folder, one above, or anywhere below; empty where there is none.

    Raises:
        CatalogError: a table without a column of subjects.
    """
    path = table_of(folder)
    return {} if path is None else _read(path)


def table_of(folder: Path) -> Path | None:
    """The subjects.csv in a folder, one above, or anywhere below; None where there is none."""
    for path in (folder / NAME, folder.parent / NAME):
        if path.is_file():
            return path
    below = [Path(here) for here, _, files in os.walk(folder) if NAME in files]
    return below[0] / NAME if len(below) == 1 else None


def subjects_of(paths: Sequence[Path], subjects: Mapping[str, Subject]) -> list[str]:
    """The subject of every file, decided together so that no person is torn apart.

    The first that holds: a name of the table that the file's name or one of its folders begins with; sub-NAME
    in the path; the first folder; the file's own name. Of its own name, a slice number at the end is no part:
    case_7_slice_3 is of case_7, and 11_1, 11_2, 12_1, ... are series of 11 and 12.

    Args:
        paths: without the folders of splits and classes, and those that all files share.
        subjects: the table.
    """
    names: dict[str, str] = {}  # each held once, however many files are of it
    found = [
        names.setdefault(reported, reported) if (reported := _reported(path, subjects)) else None
        for path in paths
    ]
    numbered = _are_numbered(path for path, reported in zip(paths, found, strict=True) if reported is None)
    own = _series if numbered else _stem
    return [
        reported if reported is not None else names.setdefault(name := own(path), name)
        for path, reported in zip(paths, found, strict=True)
    ]


def group_of(subject: str, subjects: Mapping[str, Subject]) -> str:
    return subjects[subject].group if subject in subjects else subject


def label_of(subject: str, subjects: Mapping[str, Subject]) -> str | None:
    return subjects[subject].label if subject in subjects else None


def known_value(text: str) -> str | None:
    """A cell of a table; None where it says that nothing is known."""
    text = text.strip()
    return None if text.lower() in ("", "n/a", "na", "nan", "none", "unknown") else text


def _reported(path: Path, subjects: Mapping[str, Subject]) -> str | None:
    """The subject by the table, sub-NAME or the first folder; None where only the file's name is left."""
    for name in (path.name.split(".")[0], *reversed(path.parts[:-1])):
        pieces = re.split(r"([_-])", name)
        for length in range(len(pieces), 0, -2):
            if (start := "".join(pieces[:length])) in subjects:
                return start
    if bids := _BIDS.search(path.as_posix()):
        return bids.group()
    return path.parts[0] if len(path.parts) > 1 else None


def _stem(path: Path) -> str:
    return _SLICE.sub("", path.name.split(".")[0])


def _series(path: Path) -> str:
    return _NUMBER.sub("", _stem(path))


def _are_numbered(paths: Iterable[Path]) -> bool:
    """Whether names are series, as 218391_78, 218391_79: files to a name that holds a number itself."""
    series = Counter(_series(path) for path in paths if _NUMBER.search(_stem(path)))
    named_so = all(re.search(r"\d", name) for name in series)
    return len(series) >= 3 and named_so and sum(series.values()) >= 2 * len(series)


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
        there = ", ".join(map(str, rows[0]))
        raise CatalogError(f"{path} has none of the columns {', '.join(SUBJECT_COLUMNS)}; it has {there}")
    label_column = next((name for name in LABEL_COLUMNS if rows and name in rows[0]), None)
    return {
        row[column]: Subject(
            group=row.get("patient_group") or row[column],
            label=known_value(row[label_column]) if label_column else None,
        )
        for row in rows
        if column is not None and row[column]
    }
