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


@pytest.mark.parametrize(("factor", "every", "high"), [(275, 2, 6), (1000, 4, 3), (1 / 50, 3, 8)])
def test_files_in_other_units_are_told(factor: float, every: int, high: int, tmp_path: Path) -> None:
    (warning,) = _odd(tmp_path, _volumes(factor, every=every))
    assert warning.startswith(f"values of {high} of the 12 files looked at, such as p")
    assert "other units or scanners?" in warning


@pytest.mark.parametrize("factor", [1, 3])
def test_files_of_one_range_are_not_odd(factor: float, tmp_path: Path) -> None:
    assert _odd(tmp_path, _volumes(factor, every=2)) == []


def test_segmentations_among_scans_are_told(tmp_path: Path) -> None:
    volumes = _volumes(1, every=2)
    volumes["q.npy"] = (np.arange(512).reshape(2, 16, 16) % 4 * 30).astype(np.float32)
    assert _odd(tmp_path, volumes) == [
        "1 of the 13 files looked at have 12 values or fewer, such as q.npy: segmentations?"
    ]


def test_a_subject_with_far_more_slices_is_told(tmp_path: Path) -> None:
    volumes = {f"p{n}.npy": np.random.default_rng(n).random((8, 8, 8)).astype(np.float32) for n in range(4)}
    assert _odd(tmp_path, volumes) == []
    volumes["all.npy"] = np.random.default_rng(9).random((1200, 8, 8)).astype(np.float32)
    assert _odd(tmp_path, volumes) == [
        "subject all has 1,200 slices, a typical one 8: several people under one name?"
    ]
