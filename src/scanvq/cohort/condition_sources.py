"""Sources of conditions: labels, subject tables, DICOM headers."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanvq.cohort.catalog import Catalog
from scanvq.cohort.layouts.subject_matching import match_names
from scanvq.cohort.layouts.subjects import LABEL_COLUMNS, SUBJECT_COLUMNS, known_value, read_rows
from scanvq.cohort.ordered_map import ordered_map
from scanvq.cohort.subject_tables import subject_tables
from scanvq.imaging.formats import FORMATS, UnreadableScan, format_of
from scanvq.imaging.formats.dicom_conditions import NAMES as DICOM_NAMES
from scanvq.imaging.formats.dicom_conditions import dicom_conditions

LABEL = "label"
POSITION = "slice_position"
"""Relative position of a slice in its volume, in RAS direction: 0 = first slice, 1 = last slice."""
MAX_CATEGORIES = 50  # columns with more values are identifiers, not categories
MIN_DISTINCT_NUMBERS = 11  # columns with fewer distinct numbers are coded categories
NUMERIC_NAMES = ("age",)
PREFETCH = 64  # headers read ahead
_NO_CONDITIONS = {*SUBJECT_COLUMNS, "patient_group", "split", LABEL, POSITION}

Row = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """The values of a condition for the entries of a catalog, 4 bytes each.

    Attributes:
        name: name of the condition.
        values: distinct values, as text.
        indices: (N,) int32, index into `values`; -1 = absent.
        is_number: whether the condition is numeric, not categorical.
    """

    name: str
    values: tuple[str, ...]
    indices: NDArray[np.int32]
    is_number: bool = False

    @classmethod
    def of(cls, name: str, texts: Iterable[str | None], count: int, others: Collection[str] = ()) -> Column:
        """A column of N = `count` texts.

        Args:
            name: name of the condition.
            texts: the values; None = absent.
            count: number of texts.
            others: further values of the condition, which help to decide whether it is numeric.
        """
        index_of: dict[str | None, int] = {None: -1}
        indices = np.fromiter(
            (index_of.setdefault(text, len(index_of) - 1) for text in texts), np.int32, count
        )
        values = tuple(text for text in index_of if text is not None)
        return cls(
            name=name, values=values, indices=indices, is_number=_are_numbers(name, {*values, *others})
        )

    def text(self, entry: int) -> str | None:
        """The value of an entry, by its index; None = absent."""
        index = int(self.indices[entry])
        return None if index < 0 else self.values[index]

    def as_numbers(self) -> NDArray[np.float32]:
        """The values (N,) as float32; NaN = absent, or not a number."""
        numbers = [_number(text) for text in self.values]
        table = [math.nan if number is None else number for number in numbers]
        return np.array([*table, math.nan], np.float32)[self.indices]

    def as_categories(self, categories: Sequence[str]) -> NDArray[np.int64]:
        """The values (N,) as indices into `categories`; `len(categories)` = absent, or none of them."""
        index_of = {text: index for index, text in enumerate(categories)}
        table = [index_of.get(text, len(categories)) for text in self.values]
        return np.array([*table, len(categories)], np.int64)[self.indices]


def read_columns(catalog: Catalog, names: Sequence[str] | None = None) -> dict[str, Column]:
    """The conditions of the entries of a catalog, in the order of their sources.

    `label` is the label of the catalog. Each column of a subjects.csv, or of the participants.tsv of a BIDS
    folder, is a condition; DICOM headers fill missing cells and add sex, age and scanner. Names without a
    source are omitted, as are categories with too many values.

    Args:
        catalog: as read.
        names: requested conditions; None = all. DICOM headers are opened only for sex, age and scanner.

    Raises:
        CatalogError: a table that cannot be read.
    """

    def is_requested(name: str) -> bool:
        return names is None or name in names

    count = len(catalog.entries)
    columns: dict[str, Column] = {}
    if catalog.labels and is_requested(LABEL):
        columns[LABEL] = Column.of(LABEL, (entry.label for entry in catalog.entries), count)
    needs_tables = names is None or set(names) - {LABEL, POSITION}
    rows = _rows_of_subjects(catalog) if needs_tables else {}
    no_row: Row = {}
    for name in dict.fromkeys(name for row in rows.values() for name in row):
        if is_requested(name):
            texts = (rows.get(entry.subject, no_row).get(name) for entry in catalog.entries)
            others = {row[name] for row in rows.values() if name in row}
            columns[name] = Column.of(name, texts, count, others)
    if dicom_names := [name for name in DICOM_NAMES if is_requested(name)]:
        _add_headers(columns, catalog, dicom_names, rows)
    label = columns.get(LABEL)
    return {
        name: column
        for name, column in columns.items()
        if column.values
        and (column.is_number or len(column.values) <= MAX_CATEGORIES or name == LABEL)
        and not (name in (*LABEL_COLUMNS, "group") and name != LABEL and _equal_columns(column, label))
    }


def _add_headers(
    columns: dict[str, Column], catalog: Catalog, names: Sequence[str], rows: Mapping[str, Row]
) -> None:
    """Fills values that are missing in the tables from DICOM headers."""
    entries = catalog.entries
    dicom = [index for index, entry in enumerate(entries) if _is_dicom(catalog.root / entry.path)]
    if not dicom:
        return
    values: dict[str, list[str | None]] = {
        name: [columns[name].text(index) if name in columns else None for index in range(len(entries))]
        for name in names
    }
    with ThreadPoolExecutor() as pool:
        headers = ordered_map(
            pool, lambda index: _header(catalog.root / entries[index].path), dicom, prefetch=PREFETCH
        )
        for index, header in zip(dicom, headers, strict=True):
            for name, texts in values.items():
                texts[index] = header.get(name) if texts[index] is None else texts[index]
    for name, texts in values.items():
        others = {row[name] for row in rows.values() if name in row}
        columns[name] = Column.of(name, texts, len(texts), others)


def _is_dicom(path: Path) -> bool:
    try:
        return format_of(path) is FORMATS["dicom"]
    except UnreadableScan:  # reported when its pixels are read
        return False


def _header(path: Path) -> Row:
    try:
        return dicom_conditions(path)
    except UnreadableScan:  # reported when its pixels are read
        return {}


def _rows_of_subjects(catalog: Catalog) -> dict[str, Row]:
    """Subject -> the known cells of its rows; cells that differ between its rows are omitted."""
    merged: dict[str, dict[str, str]] = {}
    subjects = dict.fromkeys(entry.subject for entry in catalog.entries)
    for table in subject_tables(catalog):
        of_table: dict[str, dict[str, str | None]] = {}
        for row in read_rows(table):
            subject = next((row[name] for name in SUBJECT_COLUMNS if name in row), "").strip()
            cells = of_table.setdefault(subject, {})
            for name, text in row.items():
                if name not in _NO_CONDITIONS and (value := known_value(text)) is not None:
                    cells[name] = value if cells.get(name, value) == value else None
        name_of = {identifier: name for name, identifier in match_names(of_table, subjects).items()}
        for identifier, cells in of_table.items():
            subject = name_of.get(identifier, identifier)
            known = merged.setdefault(subject, {})
            for name, value in cells.items():
                if value is not None:
                    known.setdefault(name, value)
    return dict(merged)


def _equal_columns(column: Column, other: Column | None) -> bool:
    """Whether two columns have equal values for every entry."""
    if other is None:
        return False
    return bool(np.array_equal(column.as_categories(other.values), other.as_categories(other.values)))


def _are_numbers(name: str, texts: Collection[str]) -> bool:
    """Whether all texts are numbers and either numerous or of a condition that is always numeric."""
    if name == LABEL or any(_number(text) is None for text in texts):
        return False
    return name in NUMERIC_NAMES or len(texts) >= MIN_DISTINCT_NUMBERS


def _number(text: str) -> float | None:
    """A finite number; None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
