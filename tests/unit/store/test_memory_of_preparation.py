"""Memory of preparation: a few bytes per file; records are packed or on disk."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.conditions import used_columns
from scanvq.cohort.splits import assign_splits
from scanvq.cohort.survey import Survey
from scanvq.imaging.formats import FORMATS, Scan
from scanvq.imaging.geometry import Geometry
from scanvq.store.store import prepare_store

BOUND = 300  # bytes a file
FEW, MANY = 120, 600


def _folder(folder: Path, count: int) -> Path:
    """A picture under many names, twenty to a subject."""
    folder.mkdir()
    first = folder / "first.png"
    FORMATS["png"].write(first, Scan(slices=np.arange(64, dtype=np.uint8).reshape(1, 8, 8)))
    for number in range(count):
        (folder / f"case_{number // 20:04}_slice_{number % 20}.png").hardlink_to(first)
    first.unlink()
    rows = (f"case_{number:04},{number},{'FM'[number % 2]}\n" for number in range(count // 20))
    (folder / "subjects.csv").write_text("subject,age,sex\n" + "".join(rows))
    return folder


def _peaks(folder: Path, cache: Path) -> dict[str, int]:
    """The most bytes that Python holds in each step from a folder to its opened store."""
    peaks: dict[str, int] = {}
    before = tracemalloc.get_traced_memory()[0]

    def over(step: str) -> None:
        peaks[step] = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.reset_peak()

    tracemalloc.reset_peak()
    catalog = read_catalog(folder)
    over("reading the catalog")
    catalog = assign_splits(catalog)
    over("splitting")
    assert used_columns(catalog, ["age", "sex"], volumes=False)["age"].is_number
    over("reading the conditions")
    survey = Survey.of(catalog)
    over("reading the headers")
    assert sum(survey.sizes.values()) == len(catalog.entries)
    over("taking the fingerprint")
    geometry = Geometry(height=8, width=8)
    prepare_store(catalog, geometry=geometry, cache=cache, workers=1)
    over("building the store")
    prepare_store(catalog, geometry=geometry, cache=cache, workers=1)
    over("opening the store")
    (folder / "case_0000_slice_0.png").unlink()
    assert prepare_store(assign_splits(read_catalog(folder)), geometry=geometry, cache=cache).replaced
    over("replacing the store")
    return peaks


@pytest.mark.slow
def test_a_file_takes_a_few_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # pathlib interns names, and the table of all interned strings grows by megabytes at any moment.
    monkeypatch.setattr(sys, "intern", str)
    # Else the journal keeps a second's lines back, which here is all of them.
    monkeypatch.setattr("scanvq.store.journal.CHECKPOINT_SECONDS", 0.02)
    few, many = _folder(tmp_path / "few", FEW), _folder(tmp_path / "many", MANY)
    _peaks(_folder(tmp_path / "first", 60), tmp_path / "warm")  # what is loaded and kept once
    tracemalloc.start()
    try:
        small, large = _peaks(few, tmp_path / "few cache"), _peaks(many, tmp_path / "many cache")
    finally:
        tracemalloc.stop()
    growth = {step: (large[step] - small[step]) / (MANY - FEW) for step in large}
    assert {step: a_file for step, a_file in growth.items() if a_file > BOUND} == {}
