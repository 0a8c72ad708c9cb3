"""Tables of subjects whose names are spelled otherwise than in the files: matched, noted, or refused."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.cohort.catalog import Catalog, CatalogError
from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.condition_sources import read_columns
from scanvq.cohort.layouts.subject_matching import match_names, name_key

ROWS = 6


def _read(folder: Path, files: Sequence[str], ids: Sequence[str], *, table: str = "subjects.csv") -> Catalog:
    """A catalog of one file a subject, and a table whose neighbors are one group."""
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(path)
    rows = [
        f"{name},person{number // 2},{'AD' if number % 4 < 2 else 'NC'},{60 + number}"
        for number, name in enumerate(ids)
    ]
    (folder / table).write_text(
        "\n".join(["subject,patient_group,label,age", *rows]) + "\n", encoding="utf-8"
    )
    return read_catalog(folder)


SPELLINGS = {
    "leading zeros lost": ("{:03}.png", "{}"),
    "numbers of a table program": ("{:03}.png", "{}.0"),
    "leading zeros gained": ("{}.png", "{:04}"),
    "suffix of the file": ("p{:02}.png", "p{:02}.png"),
    "suffix of an image": ("p{:02}.png", "p{:02}_T1w"),
    "letter case": ("P{:02}.png", "p{:02}"),
    "another separator": ("p_{:02}.png", "p-{:02}"),
    "no separator": ("p_{:02}.png", "P{:02}"),
    "another word": ("case_{:02}_slice_3.png", "patient {}"),
    "a word left out": ("sub-{:02}_axial.png", "{:02}"),
    "blanks": ("p{:02}.png", "  p{:02} "),
    "accents": (unicodedata.normalize("NFD", "Jü{:02}.png"), unicodedata.normalize("NFC", "Jü{:02}")),
    "folders": ("Scans/P{:02}/left.png", "p_{}"),
    "equal": ("p{:02}.png", "p{:02}"),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_names_spelled_otherwise_match(spelling: str, tmp_path: Path) -> None:
    file, identifier = SPELLINGS[spelling]
    numbers = range(7, 7 + ROWS)
    catalog = _read(tmp_path, [file.format(n) for n in numbers], [identifier.format(n) for n in numbers])
    assert [(entry.group, entry.label) for entry in catalog.entries] == [
        (f"person{number // 2}", "AD" if number % 4 < 2 else "NC") for number in range(ROWS)
    ]
    assert catalog.labels == ("AD", "NC")
    assert any("6 of 6 rows match 6 of 6 subjects" in note for note in catalog.notes)
    ages = read_columns(catalog)["age"]
    assert [ages.text(number) for number in range(ROWS)] == [str(60 + number) for number in range(ROWS)]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_of_the_table(delimiter: str, tmp_path: Path) -> None:
    _read(tmp_path, [f"p{n}.png" for n in range(ROWS)], [f"p{n}" for n in range(ROWS)])
    table = tmp_path / "subjects.csv"
    table.write_text(table.read_text().replace(",", delimiter))
    catalog = read_catalog(tmp_path)
    assert catalog.labels == ("AD", "NC")
    assert "age" in read_columns(catalog)


@pytest.mark.parametrize("known", [0, 1, 2])
def test_a_table_of_other_people_is_refused(known: int, tmp_path: Path) -> None:
    ids = [*(f"p{n}" for n in range(known)), *(f"q{n}" for n in range(known, ROWS))]
    reported = rf"subjects\.csv: {known} of 6 rows match .*'q{known}'.*subjects are 'p{known}'"
    with pytest.raises(CatalogError, match=reported):
        _read(tmp_path, [f"p{n}.png" for n in range(ROWS)], ids)


@pytest.mark.parametrize(("files", "rows"), [(ROWS, 3), (3, ROWS), (ROWS, 0)])
def test_a_table_of_some_people_or_of_more_is_taken(files: int, rows: int, tmp_path: Path) -> None:
    catalog = _read(tmp_path, [f"p{n}.png" for n in range(files)], [f"p{n}" for n in range(rows)])
    assert sum(entry.group.startswith("person") for entry in catalog.entries) == min(files, rows)
    assert not rows or any(f"{min(files, rows)} of {rows} rows match" in note for note in catalog.notes)


def test_ambiguous_names_match_nobody(tmp_path: Path) -> None:
    files = ["p1.png", "p01.png", *(f"q{n}.png" for n in range(4))]
    catalog = _read(tmp_path, files, ["P1", *(f"q{n}" for n in range(4))])
    groups = {entry.path.stem: entry.group for entry in catalog.entries}
    assert (groups["p1"], groups["p01"], groups["q0"]) == ("p1", "p01", "person0")
    assert any("4 of 5 rows match 4 of 6 subjects; not 'P1'" in note for note in catalog.notes)


def test_an_equal_name_precedes_a_similar_one(tmp_path: Path) -> None:
    catalog = _read(tmp_path, ["p1.png", "p01.png", "p2.png"], ["p1", "p2"])
    assert {entry.path.stem: entry.subject for entry in catalog.entries}["p01"] == "p01"
    assert {entry.path.stem: entry.group for entry in catalog.entries}["p1"] == "person0"


@pytest.mark.parametrize(
    ("second", "reported"),
    [
        ("p0,g,NC", "line 3: label of p0 is NC, and AD in another row"),
        ("p0,h,AD", "line 3: patient_group of p0 is h, and g in another row"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(second: str, reported: str, tmp_path: Path) -> None:
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "p0.png")
    (tmp_path / "subjects.csv").write_text(f"subject,patient_group,label\np0,g,AD\n{second}\n")
    with pytest.raises(CatalogError, match=reported):
        read_catalog(tmp_path)


@pytest.mark.parametrize("second", ["p0,g,AD", "p0,,", "p0,g,n/a"])
def test_repeated_rows_that_agree_are_taken(second: str, tmp_path: Path) -> None:
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "p0.png")
    (tmp_path / "subjects.csv").write_text(f"subject,patient_group,label\np0,g,AD\n{second}\n")
    assert [(entry.group, entry.label) for entry in read_catalog(tmp_path).entries] == [("g", "AD")]


def test_groups_that_differ_in_case_are_one_person(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "subjects.csv").write_text("subject,patient_group\na,Anna\nb, anna \n")
    assert {entry.group for entry in read_catalog(tmp_path).entries} == {"Anna"}


def test_several_tables_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / name / "a.png")
        (tmp_path / name / "subjects.csv").write_text("subject,label\na,AD\n")
    with pytest.raises(CatalogError, match=r"2 tables named subjects\.csv"):
        read_catalog(tmp_path)


def _bids(folder: Path, participants: str) -> Catalog:
    for number in range(1, 5):
        path = folder / f"sub-{number:04}" / "anat" / f"sub-{number:04}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"not read")
    (folder / "participants.tsv").write_text(participants, encoding="utf-8")
    return read_catalog(folder)


@pytest.mark.parametrize("identifier", ["{}", "{:04}", "sub-{}", "SUB_{:04}", "sub-{:04}"])
def test_participants_match_in_another_spelling(identifier: str, tmp_path: Path) -> None:
    rows = "".join(f"{identifier.format(n)}\t{'AD' if n % 2 else 'NC'}\t{60 + n}\n" for n in range(1, 5))
    catalog = _bids(tmp_path, f"participant_id\tdiagnosis\tage\n{rows}")
    assert [entry.label for entry in catalog.entries] == ["AD", "NC", "AD", "NC"]
    assert [read_columns(catalog)["age"].text(number) for number in range(4)] == ["61", "62", "63", "64"]
    assert any("participants.tsv: 4 of 4 rows match 4 of 4 subjects" in note for note in catalog.notes)


@pytest.mark.parametrize(
    ("participants", "reported"),
    [
        ("participant_id\tgroup\nsub-11\tAD\nsub-12\tNC\n", "0 of 2 rows match one of 4 subjects"),
        ("name\tgroup\nsub-0001\tAD\n", "has no column participant_id; it has name, group"),
        ("participant_id\tgroup\nsub-0001\tAD\nsub-0001\tNC\n", "group of sub-0001 is NC, and AD"),
    ],
)
def test_participants_that_do_not_fit_are_refused(participants: str, reported: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=reported):
        _bids(tmp_path, participants)


def test_a_layout_of_its_own_takes_the_groups_of_a_table(tmp_path: Path) -> None:
    for split, scan in (("train", 11), ("train", 12), ("test", 13)):
        path = tmp_path / split / "AD" / f"{scan}_1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(path)
    (tmp_path / "subjects.csv").write_text("subject,patient_group\n11,one\n12,one\n13,two\n")
    catalog = read_catalog(tmp_path)
    assert catalog.layout == "ADNI"
    assert sorted(entry.group for entry in catalog.entries) == ["one", "one", "two"]
    assert catalog.labels == ("AD",)


def test_keys() -> None:
    assert name_key("P_007.nii.gz") == name_key("p-7") == ("p", "7")
    assert name_key("p12") != name_key("p1_2")
    assert name_key("0") == ("0",)
    assert name_key("--") == ()
    assert match_names(["a-1", "a-2"], ["a", "b"]) == {}
    assert match_names(["1", "01"], ["001"]) == {}
    assert match_names(["--"], ["__"]) == {}
