"""Subject identification: from a subjects.csv, a BIDS name, a folder or the file name."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from scanvq.cohort.catalog import CatalogError
from scanvq.cohort.layouts.subject_matching import TableKeys
from scanvq.imaging.formats import stem_of
from scanvq.storage.regular_file import open_regular_text

NAME = "subjects.csv"
SUBJECT_COLUMNS = ("subject", "subject_id", "participant_id", "patient", "patient_id")
LABEL_COLUMNS = ("label", "class", "diagnosis", "group_label", "dx")
_BIDS = re.compile(r"sub-[A-Za-z0-9]+")
_SLICE = re.compile(r"[_. -](?:slice|slc|sl|z|frame)[_. -]?\d+$", re.IGNORECASE)
_NUMBER = re.compile(r"[_.-]\d+$")
_DOTTED = re.compile(r"\d+(?:\.\d+){2,}")  # such as a UID or a date


@dataclass(frozen=True)
class Subject:
    """A row of a subjects.csv."""

    group: str
    label: str | None


def read_subjects(folder: Path) -> Mapping[str, Subject]:
    """Reads the subjects.csv in a folder, its parent, or anywhere below; empty if there is none.

    Raises:
        CatalogError: an unreadable table, one without a subject column, or rows that contradict each other.
    """
    path = find_subject_table(folder)
    return {} if path is None else _read(path)


def find_subject_table(folder: Path) -> Path | None:
    """The path of the subjects.csv in a folder, its parent, or anywhere below; None if there is none.

    Raises:
        CatalogError: several tables below the folder.
    """
    for path in (folder / NAME, folder.parent / NAME):
        if path.is_file():
            return path
    below = [Path(here) for here, _, files in os.walk(folder) if NAME in files]
    if len(below) > 1:
        raise CatalogError(
            f"{folder} holds {len(below)} tables named {NAME}, such as {below[0] / NAME}; join them into "
            f"{folder / NAME}"
        )
    return below[0] / NAME if below else None


def identify_subjects(paths: Sequence[Path], subjects: Mapping[str, Subject]) -> list[str]:
    """The subject of every file; all files are considered together so that no subject is divided.

    The first rule that applies: a subject of the table with which the file name or one of its folders begins,
    also in another spelling if it is the only one (see `name_key`); sub-NAME in the path; the first folder;
    the file name without a trailing slice number. So case_7_slice_3 is of case_7, and 11_1, 11_2, 12_1, ...
    are series of 11 and 12.

    Args:
        paths: paths without folders of splits and classes, and without common leading folders.
        subjects: the table.
    """
    names: dict[str, str] = {}  # every name is stored once
    similar = _similar_beginnings(paths, subjects)
    by_path = [
        names.setdefault(subject, subject) if (subject := _subject_in_path(path, subjects, similar)) else None
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


def _subject_in_path(path: Path, subjects: Mapping[str, Subject], similar: Mapping[str, str]) -> str | None:
    """The subject by the table, sub-NAME or the first folder; None if only the file name remains."""
    if subjects:
        for beginning in _beginnings(path):
            if beginning in subjects:
                return beginning
        for beginning in _beginnings(path):
            if beginning in similar:
                return similar[beginning]
    if bids := _BIDS.search(path.as_posix()):
        return bids.group()
    return path.parts[0] if len(path.parts) > 1 else None


def _beginnings(path: Path) -> Iterator[str]:
    """The beginnings of the file name and of its folders that end before a separator, the longest first."""
    for name in (stem_of(path), *reversed(path.parts[:-1])):
        numbers = _DOTTED.match(name)  # the parts of a UID or a date are no names of their own
        end = numbers.end() if numbers else 0
        first, *others = re.split(r"([_. -])", name[end:])
        pieces = [name[:end] + first, *others]
        for length in range(len(pieces), 0, -2):
            yield "".join(pieces[:length])


def _similar_beginnings(paths: Sequence[Path], subjects: Mapping[str, Subject]) -> dict[str, str]:
    """Beginning of a path -> the subject of the table that it spells otherwise, if no other one does."""
    keys, spellings = TableKeys(subjects), defaultdict[str, set[str]](set)
    for path in paths if subjects else ():
        beginnings = list(_beginnings(path))
        exact = next((name for name in beginnings if name in subjects), None)
        found = ((name, keys.of(name)) for name in beginnings)
        spelled = (exact, exact) if exact else next((pair for pair in found if pair[1]), (None, None))
        if spelled[0] is not None and spelled[1] is not None:
            spellings[spelled[1]].add(spelled[0])
    return {next(iter(names)): subject for subject, names in spellings.items() if len(names) == 1}


def _stem(path: Path) -> str:
    return _SLICE.sub("", stem_of(path))


def _series(path: Path) -> str:
    stem = _stem(path)
    return stem if _DOTTED.fullmatch(stem) else _NUMBER.sub("", stem)


def _are_numbered(paths: Iterable[Path]) -> bool:
    """Whether file names are numbered series, such as 218391_78 and 218391_79, of names with a number."""
    series = Counter(name for path in paths if (name := _series(path)) != _stem(path))
    names_have_numbers = all(re.search(r"\d", name) for name in series)
    return len(series) >= 3 and names_have_numbers and sum(series.values()) >= 2 * len(series)


def read_rows(table: Path) -> list[dict[str, str]]:
    """The rows of a table by column name, in lower case with _ for blanks; separated by tab, ; or a comma.

    Raises:
        CatalogError: a table that cannot be read.
    """
    try:
        with open_regular_text(table) as file:
            header = file.readline()
            reader = csv.DictReader(chain([header], file), delimiter=max("\t;,", key=header.count))
            return [
                {name.strip().lower().replace(" ", "_"): value or "" for name, value in row.items() if name}
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{table} cannot be read: {error}") from None


def labels_of_rows(table: Path, rows: Sequence[Mapping[str, str]], column: str) -> dict[str, str | None]:
    """Subject -> label, from the first label column; empty without one.

    Args:
        table: for messages.
        rows: of the table.
        column: of the subjects.

    Raises:
        CatalogError: rows of one subject with different labels.
    """
    name = next((name for name in (*LABEL_COLUMNS, "group") if rows and name in rows[0]), None)
    return {} if name is None else _values(table, rows, column, name)


def _read(path: Path) -> Mapping[str, Subject]:
    rows = read_rows(path)
    column = next((name for name in SUBJECT_COLUMNS if rows and name in rows[0]), None)
    if rows and column is None:
        columns = ", ".join(map(str, rows[0]))
        raise CatalogError(f"{path} has none of the columns {', '.join(SUBJECT_COLUMNS)}; it has {columns}")
    if column is None:
        return {}
    label_column = next((name for name in LABEL_COLUMNS if name in rows[0]), None)
    labels = _values(path, rows, column, label_column) if label_column else {}
    groups = _values(path, rows, column, "patient_group") if "patient_group" in rows[0] else {}
    spelling: dict[str, str] = {}  # groups that differ in letter case or Unicode form only are one
    names = [name for row in rows if (name := row[column].strip())]
    return {
        name: Subject(
            group=spelling.setdefault(_folded(groups.get(name) or name), groups.get(name) or name),
            label=labels.get(name),
        )
        for name in names
    }


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _values(table: Path, rows: Sequence[Mapping[str, str]], column: str, of: str) -> dict[str, str | None]:
    """Subject -> its known value in a column; None if no row has one."""
    values: dict[str, str | None] = {}
    for number, row in enumerate(rows, start=2):
        if not (name := row[column].strip()):
            continue
        value = known_value(row[of])
        if values.setdefault(name, value) is None:
            values[name] = value
        elif value is not None and values[name] != value:
            raise CatalogError(
                f"{table}, line {number}: {of} of {name} is {value}, and {values[name]} in another row; "
                "correct one of them"
            )
    return values
