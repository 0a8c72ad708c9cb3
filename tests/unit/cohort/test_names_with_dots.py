"""File names with dots: masks, subjects and series are told by the whole name, not by its first part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.cohort.catalog import Catalog
from scanvq.cohort.catalog_reader import read_catalog


def _catalog(folder: Path, names: Sequence[str]) -> Catalog:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(path)
    return read_catalog(folder)


def _subjects(folder: Path, names: Sequence[str]) -> list[str]:
    return [entry.subject for entry in _catalog(folder, names).entries]


@pytest.mark.parametrize("mask", ["p{:02}.v1_mask.png", "p{:02}.v1-seg.png", "p{:02}.v1.mask.png"])
def test_masks_of_names_with_dots_are_left_out(mask: str, tmp_path: Path) -> None:
    scans = [f"p{number:02}.v1.png" for number in range(5)]
    catalog = _catalog(tmp_path, [*scans, *(mask.format(number) for number in range(5))])
    assert [entry.path.name for entry in catalog.entries] == scans
    assert any(
        note.startswith("5 files are ignored: their names are those of masks") for note in catalog.notes
    )


def test_a_mask_of_another_version_is_no_mask_of_this_one(tmp_path: Path) -> None:
    assert len(_catalog(tmp_path, ["p0.v1.png", "p0.v2_mask.png"]).entries) == 2


@pytest.mark.parametrize(
    "name",
    [
        "1.2.840.113619.2.{}.png",
        "P.{:03}.png",
        "2024.01.{:02}_scan.png",
        "2024.01.{:02}.png",
        "smith.{}.png",
        "scan.v1.{}.final.png",
        "study 1.{} axial.png",
    ],
)
def test_each_name_is_one_person(name: str, tmp_path: Path) -> None:
    assert len(set(_subjects(tmp_path, [name.format(number) for number in range(1, 25)]))) == 24


def test_people_of_one_family_name_are_apart(tmp_path: Path) -> None:
    names = ["smith.anna.png", "smith.bob.png", "smith.anna_slice_2.png"]
    assert sorted(_subjects(tmp_path, names)) == ["smith.anna", "smith.anna", "smith.bob"]


def test_dates_of_several_months_are_no_series(tmp_path: Path) -> None:
    names = [f"2024.{month:02}.{day:02}.png" for month in range(1, 5) for day in range(1, 5)]
    assert len(set(_subjects(tmp_path, names))) == 16


@pytest.mark.parametrize(
    "name",
    ["p{}.{:03}.png", "p{}.slice.{}.png", "p{}.v1_slice_{}.png", "{}218391.{}.png", "p{}.a_{:02}.png"],
)
def test_slices_numbered_after_a_dot_are_of_one_person(name: str, tmp_path: Path) -> None:
    found = _subjects(
        tmp_path, [name.format(person, number) for person in range(1, 5) for number in range(6)]
    )
    assert sorted(found.count(subject) for subject in set(found)) == [6, 6, 6, 6]


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("p{}.v1_axial.png", "p{}"), ("1.2.840.9.{}.png", "1.2.840.9.{}"), ("p{}.t1.{}.png", "P0{}")],
)
def test_tables_know_names_with_dots(name: str, identifier: str, tmp_path: Path) -> None:
    rows = "".join(f"{identifier.format(number)},g{number}\n" for number in range(1, 6))
    (tmp_path / "subjects.csv").write_text(f"subject,patient_group\n{rows}")
    catalog = _catalog(tmp_path, [name.format(number, 7) for number in range(1, 6)])
    assert [entry.group for entry in catalog.entries] == [f"g{number}" for number in range(1, 6)]
