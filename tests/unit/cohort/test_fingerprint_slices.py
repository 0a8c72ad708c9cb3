"""Slice counts of the fingerprint equal those of the store, or are marked as estimates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanvq.cli.inspect_view import fingerprint_lines
from scanvq.cohort import pixel_summary
from scanvq.cohort.catalog import Catalog, Entry
from scanvq.cohort.survey import Survey
from scanvq.imaging.formats import Scan, format_of
from scanvq.imaging.geometry import Geometry
from scanvq.store.store import BadScans, prepare_store

SPLITS = ("train", "train", "validation", "test")


def folder(root: Path, kept: dict[str, tuple[int, int]]) -> Catalog:
    """Files of (slices, of which the first so many hold anatomy), two of each subject."""
    random = np.random.default_rng(0)
    entries = []
    for number, (name, (total, shown)) in enumerate(kept.items()):
        volume = random.integers(0, 5, (total, 16, 24)).astype(np.int16)
        volume[:shown, 4:12, 6:18] += 500
        format_of(root / name).write(root / name, Scan(slices=volume))
        subject = f"p{number // 2}"
        entries.append(Entry(Path(name), subject, subject, SPLITS[number % 4], None))
    return Catalog(root=root, layout="flat", entries=tuple(entries), labels=(), notes=())


MIXED = {"a.nii": (9, 6), "b.nii": (4, 4), "c.nii": (7, 2), "d.npy": (12, 5), "e.nii": (1, 1)}


@pytest.mark.parametrize("slices", ["foreground", "all", "2:5", "1:99", "middle:3", "middle:99"])
def test_a_prepared_store_has_as_many(tmp_path: Path, slices: str) -> None:
    catalog = folder(tmp_path, MIXED)
    found = Survey.of(catalog, slices=slices).fingerprint
    store = prepare_store(
        catalog, geometry=Geometry(height=16, width=24), slices=slices, cache=tmp_path / "cache"
    )
    assert found["slices"] == len(store) == sum(found["sizes"].values())
    for split, counts in found["splits"].items():
        assert counts["slices"] == len(store.rows(split))
    subjects = np.array([entry.subject for entry in catalog.entries])[store.entry]
    by_subject = np.unique(subjects, return_counts=True)[1]
    assert found["slices_a_subject"] == {
        "fewest": by_subject.min(),
        "median": np.median(by_subject),
        "most": by_subject.max(),
    }
    assert (found["slices_chosen"], found["slices_estimated"]) == (slices, False)
    assert found["slices_in_files"] == 33


def test_foreground_of_files_not_looked_at_is_estimated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the files are looked at, the first and the last: 3 of 12 and 5 of 8 slices, so 8 of 20."""
    shown = {"a.nii": (12, 3), "b.nii": (10, 10), "c.png": (1, 1), "d.nii": (7, 1), "e.nii": (8, 5)}
    catalog = folder(tmp_path, shown)
    monkeypatch.setattr(pixel_summary, "SAMPLE", 2)
    found = Survey.of(catalog).fingerprint
    assert found["slices_estimated"] is True
    assert found["slices_in_files"] == 38
    assert found["slices"] == round(3 + 0.4 * 10 + 1 + 0.4 * 7 + 5) == 16
    assert {split: counts["slices"] for split, counts in found["splits"].items()} == {
        "train": 3 + 4 + 5,
        "validation": 1,
        "test": 3,
    }
    assert found["slices_a_subject"] == {"fewest": 4, "median": 5.0, "most": 7}
    text = "\n".join(fingerprint_lines(found))
    assert "of 38 slices in the files, by slices=foreground; estimated from a few files" in text
    exact = Survey.of(catalog, slices="middle:3").fingerprint
    assert (exact["slices"], exact["slices_estimated"]) == (13, False)
    assert "estimated" not in "\n".join(fingerprint_lines(exact))


def test_files_without_selected_slices_are_reported_and_refused_by_the_store(tmp_path: Path) -> None:
    catalog = folder(tmp_path, MIXED)
    found = Survey.of(catalog, slices="8:20").fingerprint
    assert "2 files have no slice selected by slices=8:20, such as b.nii" in found["odd"]
    assert found["slices"] == 1 + 4 + 1
    with pytest.raises(BadScans, match="2 of 5 files"):
        prepare_store(
            catalog, geometry=Geometry(height=16, width=24), slices="8:20", cache=tmp_path / "cache"
        )


def test_the_box_is_of_the_slices_to_use(tmp_path: Path) -> None:
    volume = np.zeros((8, 100, 100), np.int16)
    volume[:, 40:60, 30:70] = 900
    volume[0] = 900
    format_of(tmp_path / "a.nii").write(tmp_path / "a.nii", Scan(slices=volume))
    catalog = Catalog(tmp_path, "flat", (Entry(Path("a.nii"), "a", "a", None, None),), (), ())
    middle = {"top": 0.4, "bottom": 0.6, "left": 0.3, "right": 0.7}
    assert Survey.of(catalog, slices="1:8").fingerprint["foreground_box"] == middle
    assert Survey.of(catalog, slices="all").fingerprint["foreground_box"] != middle


def test_an_invalid_slice_selection_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="slices is 'some'; it must be"):
        Survey.of(folder(tmp_path, MIXED), slices="some")
