"""Where the conditions of files come from: labels, tables of subjects, DICOM headers."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import Catalog, CatalogError
from scanvq.cohort.layouts.subjects import LABEL_COLUMNS, SUBJECT_COLUMNS, known_value, table_of
from scanvq.cohort.ordered_map import in_order
from scanvq.imaging.formats import FORMATS, UnreadableScan, format_of
from scanvq.imaging.formats.dicom_conditions import NAMES as DICOM_NAMES
from scanvq.imaging.formats.dicom_conditions import dicom_conditions

LABEL = "label"
POSITION = "slice_position"
"""Where a slice lies in its volume: 0 = feet, back or left, 1 = head, front or right."""
PARTICIPANTS = "participants.tsv"
MOST_VALUES = 50  # of a category: a text of its own for each subject is a name, and no condition
NUMBER_FROM = 11  # different numbers; fewer are the codes of a category
ALWAYS_NUMBERS = ("age",)
AHEAD = 64  # headers asked for at once
_NO_CONDITIONS = {*SUBJECT_COLUMNS, "patient_group", "split", LABEL, POSITION}

Row = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """A condition's values over the entries of a catalog, 4 bytes each.

    Attributes:
        name: of the condition.
        texts: the different values, as they are written.
        numbers: (N,) int32, index into `texts`; -1 = absent.
        is_number: whether the values are numbers and not categories.
    """

    name: str
    texts: tuple[str, ...]
    numbers: NDArray[np.int32]
    is_number: bool = False

    @classmethod
    def of(cls, name: str, texts: Iterable[str | None], count: int, others: Collection[str] = ()) -> Column:
        """A column of N = `count` texts; `others` of the same condition help to tell what kind it is."""
        known: dict[str | None, int] = {None: -1}
        numbers = np.fromiter((known.setdefault(text, len(known) - 1) for text in texts), np.int32, count)
        found = tuple(text for text in known if text is not None)
        return cls(name=name, texts=found, numbers=numbers, is_number=_are_numbers(name, {*found, *others}))

    def text(self, place: int) -> str | None:
        """The value of one entry."""
        number = int(self.numbers[place])
        return None if number < 0 else self.texts[number]

    def as_numbers(self) -> NDArray[np.float32]:
        """(N,); NaN = absent, or no number."""
        values = [_number(text) for text in self.texts]
        table = [math.nan if value is None else value for value in values]
        return np.array([*table, math.nan], np.float32)[self.numbers]

    def as_categories(self, values: Sequence[str]) -> NDArray[np.int64]:
        """(N,), index into `values`; their number = absent, or none of them."""
        places = {text: place for place, text in enumerate(values)}
        table = [places.get(text, len(values)) for text in self.texts]
        return np.array([*table, len(values)], np.int64)[self.numbers]


def read_columns(catalog: Catalog, names: Sequence[str] | None = None) -> dict[str, Column]:
    """The conditions of a catalog's entries, in the order of their sources.

    `label` is the catalog's own. A subjects.csv, or the participants.tsv of a BIDS folder, gives one for each
    of its columns; what it does not know of a subject, and what no table has, DICOM headers tell. A name that
    no source has is left out, as are texts with too many values for a category.

    Args:
        catalog: as read.
        names: which are wanted; None = all that there are. DICOM headers are opened only for theirs.

    Raises:
        CatalogError: a table that cannot be read.
    """

    def wanted(name: str) -> bool:
        return names is None or name in names

    count = len(catalog.entries)
    columns: dict[str, Column] = {}
    if catalog.labels and wanted(LABEL):
        columns[LABEL] = Column.of(LABEL, (entry.label for entry in catalog.entries), count)
    of_subjects = names is None or set(names) - {LABEL, POSITION}
    rows = _rows_of_subjects(catalog) if of_subjects else {}
    nothing: Row = {}
    for name in dict.fromkeys(name for row in rows.values() for name in row):
        if wanted(name):
            texts = (rows.get(entry.subject, nothing).get(name) for entry in catalog.entries)
            others = {row[name] for row in rows.values() if name in row}
            columns[name] = Column.of(name, texts, count, others)
    if tagged := [name for name in DICOM_NAMES if wanted(name)]:
        _add_headers(columns, catalog, tagged, rows)
    label = columns.get(LABEL)
    return {
        name: column
        for name, column in columns.items()
        if column.texts
        and (column.is_number or len(column.texts) <= MOST_VALUES or name == LABEL)
        and not (name in (*LABEL_COLUMNS, "group") and name != LABEL and _same(column, label))
    }


def _add_headers(
    columns: dict[str, Column], catalog: Catalog, names: Sequence[str], rows: Mapping[str, Row]
) -> None:
    """Fills what the rows of tables do not tell by the headers of DICOM files."""
    entries = catalog.entries
    places = [place for place, entry in enumerate(entries) if _is_dicom(catalog.root / entry.path)]
    if not places:
        return
    found: dict[str, list[str | None]] = {
        name: [columns[name].text(place) if name in columns else None for place in range(len(entries))]
        for name in names
    }
    with ThreadPoolExecutor() as pool:
        headers = in_order(
            pool, lambda place: _header(catalog.root / entries[place].path), places, ahead=AHEAD
        )
        for place, header in zip(places, headers, strict=True):
            for name, texts in found.items():
                texts[place] = header.get(name) if texts[place] is None else texts[place]
    for name, texts in found.items():
        others = {row[name] for row in rows.values() if name in row}
        columns[name] = Column.of(name, texts, len(texts), others)


def _is_dicom(path: Path) -> bool:
    try:
        return format_of(path) is FORMATS["dicom"]
    except UnreadableScan:  # told when it is read
        return False


def _header(path: Path) -> Row:
    try:
        return dicom_conditions(path)
    except UnreadableScan:  # told when its pixels are read
        return {}


def _rows_of_subjects(catalog: Catalog) -> dict[str, Row]:
    """By subject, the known cells of its row; of a subject's rows that contradict each other, nothing."""
    found: dict[str, dict[str, str]] = {}
    for table in tables_of(catalog):
        own: dict[str, dict[str, str | None]] = {}
        for row in _read(table):
            subject = next((row[name] for name in SUBJECT_COLUMNS if name in row), "").strip()
            cells = own.setdefault(subject, {})
            for name, text in row.items():
                if name not in _NO_CONDITIONS and (value := known_value(text)) is not None:
                    cells[name] = value if cells.get(name, value) == value else None
        for subject, cells in own.items():
            kept = found.setdefault(subject, {})
            for name, value in cells.items():
                if value is not None:
                    kept.setdefault(name, value)
    return dict(found)


def tables_of(catalog: Catalog) -> list[Path]:
    """The subjects.csv and the participants.tsv of a catalog, as far as there are any."""
    first = catalog.root / catalog.entries[0].path if catalog.entries else catalog.root / "nothing"
    above = [*(folder for folder in first.parents if folder.is_relative_to(catalog.root)), catalog.root]
    participants = [folder / PARTICIPANTS for folder in above if (folder / PARTICIPANTS).is_file()]
    subjects = table_of(catalog.root)
    return [*([subjects] if subjects else []), *participants[:1]]


def _read(table: Path) -> Iterator[Row]:
    """A table's rows by the names of its columns, in lower case and with _ for blanks."""
    delimiter = "\t" if table.name == PARTICIPANTS else ","
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file, delimiter=delimiter):
                yield {
                    name.strip().lower().replace(" ", "_"): value or "" for name, value in row.items() if name
                }
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{table} cannot be read: {error}") from None


def _same(column: Column, other: Column | None) -> bool:
    """Whether two columns say the same of every entry."""
    if other is None:
        return False
    return bool(np.array_equal(column.as_categories(other.texts), other.as_categories(other.texts)))


def _are_numbers(name: str, texts: Collection[str]) -> bool:
    """Whether all texts are numbers, of which there are more than ten or whose name says so."""
    if name == LABEL or any(_number(text) is None for text in texts):
        return False
    return name in ALWAYS_NUMBERS or len(texts) >= NUMBER_FROM


def _number(text: str) -> float | None:
    """A finite number; None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
