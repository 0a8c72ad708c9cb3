"""Table layout: a CSV with path, subject, split and label."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from scanvq.cohort.catalog import Catalog, CatalogError, Entry, Images
from scanvq.cohort.entries import Entries
from scanvq.cohort.layouts.listing import divide_generated
from scanvq.cohort.layouts.subjects import Subject, identify_subjects, known_value
from scanvq.cohort.layouts.tree import (
    SPLIT_NAMES,
    Tree,
    make_catalog,
    require_original_images,
    strip_common_folders,
)
from scanvq.imaging.paths import Paths
from scanvq.storage.regular_file import open_regular_text

COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "filepath", "image", "image_path"),
    "subject": ("subject", "subject_id", "patient", "patient_id", "participant_id", "case"),
    "group": ("patient_group", "group"),
    "split": ("split", "set", "partition", "subset"),
    "label": ("label", "class", "diagnosis", "dx"),
}


def read_table(tree: Tree, images: Images) -> Catalog | None:
    """The files that a CSV or TSV lists; paths are relative to the table.

    Raises:
        CatalogError: no path column, a row without path, a repeated path, or an unknown split.
    """
    if tree.table is None:
        return None
    require_original_images(images, "table")
    columns = _columns(tree.table)
    paths = Paths(Path(_value(row, columns, "path") or "") for row in _rows(tree.table))
    if not paths:
        raise CatalogError(f"{tree.table} lists no files: it has a header and no rows")
    entries = Entries(_entries(tree.table, columns, paths))
    counts = Counter(entry.path.as_posix() for entry in entries)
    repeated = [path for path, count in counts.items() if count > 1]
    if repeated:
        raise CatalogError(f"{tree.table} lists {len(repeated)} files more than once, such as {repeated[0]}")
    if len({entry.split is None for entry in entries}) > 1:
        raise CatalogError(f"{tree.table} gives some files a split and others none; give all or none")
    return make_catalog(tree, "table", entries)


def without_generated(catalog: Catalog) -> Catalog:
    """The catalog without files that are marked as synthetic, with a note.

    Raises:
        CatalogError: all of them are.
    """
    kept, generated = divide_generated(catalog.root, (entry.path for entry in catalog.entries))
    if not generated:
        return catalog
    note = (
        f"{len(generated):,} files are left out because they are marked as synthetic, such as "
        f" {generated[0]}; to train on them: --allow-synthetic"
    )
    if not kept:
        raise CatalogError(f"{catalog.root}: {note}")
    left_out = set(generated)
    entries = Entries(entry for entry in catalog.entries if entry.path not in left_out)
    labels = sorted({entry.label for entry in entries if entry.label is not None})
    return replace(catalog, entries=entries, labels=tuple(labels), notes=(*catalog.notes, note))


def _entries(table: Path, columns: Mapping[str, str], paths: Paths) -> Iterator[Entry]:
    no_table: Mapping[str, Subject] = {}
    names = identify_subjects(strip_common_folders(paths), no_table)
    for number, (row, path, name) in enumerate(zip(_rows(table), paths, names, strict=True), start=2):
        if not path.name:
            raise CatalogError(f"{table}, line {number}: no path")
        subject = _value(row, columns, "subject") or name
        yield Entry(
            path=path,
            subject=subject,
            group=_value(row, columns, "group") or subject,
            split=_split(_value(row, columns, "split"), table, number),
            label=_value(row, columns, "label"),
        )


def _columns(table: Path) -> dict[str, str]:
    """The name in the table of each column of COLUMNS that exists."""
    with _opened(table) as reader:
        names = {name.strip().lower().replace(" ", "_"): name for name in reader.fieldnames or () if name}
    columns = {
        meaning: names[alias] for meaning, aliases in COLUMNS.items() for alias in aliases if alias in names
    }
    if "path" not in columns:
        present = ", ".join(names) or "nothing"
        raise CatalogError(f"{table} has no column of paths (path, file, image); it has {present}")
    return columns


def _rows(table: Path) -> Iterator[dict[str, str]]:
    with _opened(table) as reader:
        yield from reader


@contextmanager
def _opened(table: Path) -> Iterator[csv.DictReader[str]]:
    try:
        with open_regular_text(table) as file:
            header = file.readline()
            yield csv.DictReader(chain([header], file), delimiter=max("\t;,", key=header.count))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{table} cannot be read: {error}") from None


def _value(row: Mapping[str, str | None], columns: Mapping[str, str], meaning: str) -> str | None:
    return known_value(row.get(columns[meaning]) or "") if meaning in columns else None


def _split(given: str | None, table: Path, line: int) -> str | None:
    if given is None:
        return None
    if given.lower() not in SPLIT_NAMES:
        raise CatalogError(f"{table}, line {line}: split is {given!r}; use train, validation or test")
    return SPLIT_NAMES[given.lower()]
