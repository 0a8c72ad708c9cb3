"""Files that do not belong together: the fingerprint says what is odd, with the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog_reader import read_catalog
from scanvq.cohort.survey import Survey


def _odd(folder: Path, volumes: dict[str, np.ndarray]) -> list[str]:
    for name, pixels in volumes.items():
        np.save(folder / name, pixels)
    warnings: list[str] = Survey.of(read_catalog(folder), slices="all").fingerprint["odd"]
    return warnings


def _volumes(factor: float, *, every: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        f"p{n:02}.npy": random.normal(100, 20, (2, 16, 16)).astype(np.float32) * (1 if n % every else factor)
        for n in range(12)
    }


@pytest.mark.parametrize(
    ("factor", "every", "told"),
    [
        (275, 2, "6 of the 12 files looked at are about 27"),
        (1000, 4, "3 of the 12 files looked at are about 9"),
        (1 / 50, 3, "4 of the 12 files looked at are about 1/"),
        (6, 3, "4 of the 12 files looked at are about 6"),
    ],
)
def test_files_in_other_units_are_told(factor: float, every: int, told: str, tmp_path: Path) -> None:
    (warning,) = _odd(tmp_path, _volumes(factor, every=every))
    assert warning.startswith(f"values of {told}")
    assert "other units or scanners? Each file is scaled by its own range" in warning
    assert f": p00.npy, p{every:02}.npy, p{2 * every:02}.npy" in warning


def test_one_file_in_other_units_is_told_with_what_becomes_of_it(tmp_path: Path) -> None:
    (warning,) = _odd(tmp_path, _volumes(100, every=12))
    assert "values of 1 of the 12 files" in warning
    assert warning.endswith("so these may be clipped or dark; correct or leave them out: p00.npy")


def test_shifted_values_are_told(tmp_path: Path) -> None:
    volumes = _volumes(1, every=1)
    for name in ("p03.npy", "p07.npy"):
        volumes[name] -= 1024
    (warning,) = _odd(tmp_path, volumes)
    assert "values of 2 of the 12 files looked at are" in warning
    assert warning.endswith(": p03.npy, p07.npy")


@pytest.mark.parametrize("factor", [1, 3])
def test_files_of_one_range_are_not_odd(factor: float, tmp_path: Path) -> None:
    assert _odd(tmp_path, _volumes(factor, every=2)) == []


def test_segmentations_among_scans_are_told(tmp_path: Path) -> None:
    """Also those of many labels, as whole-brain segmentations have; scans of few gray levels are none."""
    volumes = _volumes(1, every=2)
    volumes["q.npy"] = (np.arange(512).reshape(2, 16, 16) % 4 * 30).astype(np.float32)
    blocks = np.random.default_rng(1).permutation(64).reshape(1, 8, 8) + 100
    volumes["r.npy"] = np.kron(blocks, np.ones((2, 4, 4))).astype(np.float32)
    volumes["noise.npy"] = np.random.default_rng(2).integers(60, 140, (2, 16, 16)).astype(np.float32)
    told = [warning for warning in _odd(tmp_path, volumes) if "segmentations" in warning]
    assert told == [
        "2 of the 15 files looked at have few values in uniform areas: segmentations? They are used as "
        "scans; leave them out if they are none: q.npy, r.npy"
    ]


def test_contact_sheets_and_other_sizes_and_types_are_told_with_a_file(tmp_path: Path) -> None:
    volumes = {f"p{n}.npy": np.random.default_rng(n).random((1, 16, 16)).astype(np.float32) for n in range(6)}
    assert _odd(tmp_path, volumes) == []
    volumes["sheet.npy"] = np.random.default_rng(9).random((1, 70, 68)).astype(np.float32)
    sheet, size = _odd(tmp_path, volumes)
    assert sheet.startswith("1 images are 4 or more times as large as most (16x16), such as sheet.npy")
    assert size.startswith("1 slices are not 16x16, the most common size, such as sheet.npy; all are padded")
    other = np.random.default_rng(9).integers(0, 2, (1, 16, 16)).astype(np.uint16)
    (kind,) = [w for w in _odd(tmp_path, {"t.npy": other}) if "pixel type" in w]
    assert kind == "files differ in pixel type: 7 of 8 are float32, t.npy is uint16"


def test_a_subject_with_far_more_slices_is_told(tmp_path: Path) -> None:
    volumes = {f"p{n}.npy": np.random.default_rng(n).random((8, 8, 8)).astype(np.float32) for n in range(4)}
    volumes["all.npy"] = np.random.default_rng(9).random((60, 8, 8)).astype(np.float32)
    assert _odd(tmp_path, volumes) == []
    volumes["all.npy"] = np.random.default_rng(9).random((120, 8, 8)).astype(np.float32)
    assert _odd(tmp_path, volumes) == [
        "subject all has 120 slices, such as all.npy, a typical one 8: several people under one name? All "
        "are one person for the splits; if not, set data.subject or name them in subjects.csv"
    ]
