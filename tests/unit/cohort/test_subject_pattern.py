"""Subject identification by a pattern, and errors of unusable patterns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.cohort.catalog import CatalogError
from scanvq.cohort.catalog_reader import read_catalog

NAMES = ("siteA_p1_x.png", "siteA_p2_x.png", "siteB_p1_y.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


def test_the_first_group_is_the_subject(folder: Path) -> None:
    found = read_catalog(folder, subject=r"_(p\d+)_").entries
    assert [(entry.path.name, entry.subject, entry.group) for entry in found] == [
        ("siteA_p1_x.png", "p1", "p1"),
        ("siteA_p2_x.png", "p2", "p2"),
        ("siteB_p1_y.png", "p1", "p1"),
    ]


def test_groups_of_a_table_stay_joined(folder: Path) -> None:
    (folder / "subjects.csv").write_text("subject,patient_group\np1,g\np2,g\n")
    assert {entry.group for entry in read_catalog(folder, subject=r"_(p\d+)_").entries} == {"g"}
    (folder / "subjects.csv").write_text("subject,patient_group\nsiteA_p1,g\nsiteB_p1,h\n")
    with pytest.raises(CatalogError, match="p1 is in two groups of the table, g and h"):
        read_catalog(folder, subject=r"_(p\d+)_")


@pytest.mark.parametrize(
    ("pattern", "reported"),
    [
        ("(p", "which is not a regular expression: missing"),
        (r"p\d", "put the subject in parentheses"),
        (r"siteA_(p\d)", r"no subject in 1 of 3 files: siteB_p1_y.png$"),
        (r"(x?)", r"no subject in 3 of 3 files"),
    ],
)
def test_an_unusable_pattern_is_refused(pattern: str, reported: str, folder: Path) -> None:
    with pytest.raises(CatalogError, match=reported):
        read_catalog(folder, subject=pattern)
