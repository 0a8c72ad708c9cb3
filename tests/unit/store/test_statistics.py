"""Statistics of the training rows and the choice of the intensity range."""

from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.formats import Scan, format_of
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity
from scanvq.store.statistics import decide_intensity, percentiles, training_statistics
from scanvq.store.store import Store, prepare_store


def _store(tmp_path: Path, pictures: list[np.ndarray]) -> Store:
    """One file a picture (H, W); NIfTI for what a PNG cannot hold."""
    entries = []
    for i, pixels in enumerate(pictures):
        name = f"{i}.png" if pixels.dtype in (np.uint8, np.uint16) else f"{i}.nii"
        format_of(tmp_path / name).write(tmp_path / name, Scan(slices=pixels[None]))
        entries.append(Entry(path=Path(name), subject=name, group=name, split="train", label=None))
    catalog = Catalog(root=tmp_path, layout="flat", entries=tuple(entries), labels=(), notes=())
    height, width = pictures[0].shape
    return prepare_store(catalog, geometry=Geometry(height=height, width=width), cache=tmp_path / "cache")


def _scans(count: int, dtype: str, *, scale: float = 1.0) -> list[np.ndarray]:
    """Half background at 0, half noise around 100 times the scale."""
    random = np.random.default_rng(0)
    pictures = random.normal(100, 10, (count, 64, 64)).clip(0, 200) * scale
    pictures[:, :32] = 0
    return list(pictures.astype(dtype))


def test_mean_and_deviation_equal_numpy(tmp_path: Path) -> None:
    scans = _scans(6, "uint8")
    store = _store(tmp_path, scans)
    mean, std = training_statistics(store, np.arange(1, 6), Intensity(kind="full", high=255))
    expected = np.stack(scans[1:]).astype(np.float64) / 255
    assert mean == pytest.approx(expected.mean(), abs=1e-6)
    assert std == pytest.approx(expected.std(), abs=1e-6)


def test_a_sample_is_fixed_by_the_seed(tmp_path: Path) -> None:
    store = _store(tmp_path, [(i + 1) * scan for i, scan in enumerate(_scans(8, "int16"))])
    rows, intensity = np.arange(8), Intensity(kind="full", high=2000)
    first = training_statistics(store, rows, intensity, sample=3, seed=1)
    assert first == training_statistics(store, rows, intensity, sample=3, seed=1)
    assert first != training_statistics(store, rows, intensity, sample=3, seed=2)
    assert percentiles(store, rows, sample=3, seed=1) == percentiles(store, rows, sample=3, seed=1)


def test_percentiles_equal_numpy_where_every_pixel_counts(tmp_path: Path) -> None:
    scans = _scans(5, "float32")
    store = _store(tmp_path, scans)
    expected = np.percentile(np.stack(scans), (1, 99))
    np.testing.assert_allclose(percentiles(store, np.arange(5), low=1, high=99), expected, atol=0.01)


def test_eight_bit_pictures_keep_their_full_range(tmp_path: Path) -> None:
    store = _store(tmp_path, _scans(3, "uint8", scale=1.5))
    assert decide_intensity(store, np.arange(3)) == Intensity(kind="full", low=0, high=255)


def test_label_pictures_do_not_turn_black(tmp_path: Path) -> None:
    store = _store(tmp_path, [np.arange(64, dtype=np.uint8).reshape(8, 8) % 6] * 3)
    assert decide_intensity(store, np.arange(3)) == Intensity(kind="full", low=0, high=5)


def test_a_few_hot_pixels_do_not_set_the_range(tmp_path: Path) -> None:
    scans = _scans(20, "int16")
    scans[3][40, 40] = 30_000
    store = _store(tmp_path, scans)
    chosen = decide_intensity(store, np.arange(20))
    assert chosen.kind == "percentiles"
    assert chosen.low == 0
    assert 120 < chosen.high < 150


def test_files_in_arbitrary_units_are_scaled_one_by_one(tmp_path: Path) -> None:
    scans = _scans(5, "int16") + _scans(5, "int16", scale=20)
    store = _store(tmp_path, scans)
    assert decide_intensity(store, np.arange(10)).kind == "file"
    assert decide_intensity(store, np.arange(5)).kind == "percentiles"  # only the rows given count


def test_almost_only_background_still_gives_a_range(tmp_path: Path) -> None:
    scan = np.zeros((64, 64), np.int16)
    scan[5, 5] = 77
    store = _store(tmp_path, [scan])
    assert decide_intensity(store, np.arange(1)) == Intensity(kind="percentiles", low=0, high=77)


def test_what_is_asked_for_is_done(tmp_path: Path) -> None:
    store = _store(tmp_path, _scans(3, "int16"))
    rows = np.arange(3)
    assert decide_intensity(store, rows, intensity="file").kind == "file"
    assert decide_intensity(store, rows, intensity="percentiles").kind == "percentiles"
    full = decide_intensity(store, rows, intensity="full")
    assert full == Intensity(kind="full", low=0, high=store.file_high.max())


def test_no_rows_are_an_error(tmp_path: Path) -> None:
    store = _store(tmp_path, _scans(1, "uint8"))
    none = np.array([], np.int64)
    with pytest.raises(ValueError, match="no training slices"):
        decide_intensity(store, none)
    with pytest.raises(ValueError, match="no slices"):
        training_statistics(store, none, Intensity(kind="file"))
