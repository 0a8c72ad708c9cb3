"""Packed paths and entries are read back equal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scanvq.cohort.catalog import Entry
from scanvq.cohort.entries import Entries
from scanvq.imaging.paths import Paths

NAMES = [
    "a/b c/d.png",
    "",
    "/x/y.nii.gz",
    "größe/脑.png",
    os.fsdecode(b"la\xefs.png"),
    "../z.dcm",
    "a/b c/d.png",
]
ENTRIES = (
    Entry(path=Path("a.png"), subject="p1", group="g", split="train", label="AD"),
    Entry(path=Path("b/c.png"), subject="p2", group="p2", split=None, label=None),
    Entry(path=Path("b/d.png"), subject="None", group="g", split="test", label="p1"),
)


def test_paths_are_read_back() -> None:
    paths = [Path(name) for name in NAMES]
    packed = Paths(paths)
    assert list(packed) == paths
    assert [packed[number] for number in range(-7, 7)] == [*paths, *paths]
    assert packed[1:4] == paths[1:4]
    assert packed[::-2] == paths[::-2]
    assert [packed.text(number) for number in range(7)] == [path.as_posix() for path in paths]
    assert paths[3] in packed
    assert list(Paths()) == []
    for outside in (7, -8):
        with pytest.raises(IndexError):
            packed[outside]


def test_entries_are_read_back() -> None:
    packed = Entries(ENTRIES)
    assert tuple(packed) == ENTRIES
    assert packed[-1] == ENTRIES[-1]
    assert packed[:2] == list(ENTRIES[:2])
    with pytest.raises(IndexError):
        packed[3]


def test_entries_are_equal_where_all_of_them_are() -> None:
    packed = Entries(ENTRIES)
    assert packed == Entries(ENTRIES)
    assert packed == ENTRIES
    assert packed != Entries(ENTRIES[:2])
    assert packed != Entries((*ENTRIES[:2], ENTRIES[0]))
    assert packed != 3
