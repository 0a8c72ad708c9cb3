"""The prepared store: exact values, unusable files, and detection of changed files."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.formats import Scan, format_of
from scanvq.imaging.geometry import Geometry
from scanvq.store.build import HEADER
from scanvq.store.cached_stores import stores_folder
from scanvq.store.row_check import StoreRepairedWarning
from scanvq.store.store import BadScans, Store, open_store, prepare_store

GEOMETRY = Geometry(height=16, width=24)


def _catalog(root: Path, scans: Mapping[str, np.ndarray]) -> Catalog:
    """Writes scans (S, H, W) into files and lists them, every third one for testing."""
    for name, slices in scans.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        format_of(root / name).write(root / name, Scan(slices=slices))
    return _listed(root, list(scans))


def _listed(root: Path, names: list[str]) -> Catalog:
    entries = tuple(
        Entry(path=Path(name), subject=name, group=name, split="train" if i % 3 else "test", label=None)
        for i, name in enumerate(names)
    )
    return Catalog(root=root, layout="flat", entries=entries, labels=(), notes=())


def _pictures(
    count: int, *, dtype: str = "uint8", shape: tuple[int, int] = (13, 21)
) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {f"{i:03}.png": random.integers(0, 250, (1, *shape)).astype(dtype) for i in range(count)}


def _prepare(catalog: Catalog, tmp_path: Path, **options: object) -> Store:
    return prepare_store(catalog, geometry=GEOMETRY, cache=tmp_path / "cache", **options)


def _stores(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache" / "stores").iterdir())


def test_eight_bit_pictures_stay_eight_bit_and_exact(tmp_path: Path) -> None:
    scans = _pictures(7)
    store = _prepare(_catalog(tmp_path / "data", scans), tmp_path)
    assert store.raw.dtype == np.uint8
    assert len(store) == 7
    for row, slices in enumerate(scans.values()):
        np.testing.assert_array_equal(store.raw[row], GEOMETRY.apply(slices[0]))
        assert (store.file_low[row], store.file_high[row]) == (slices.min(), slices.max())
    np.testing.assert_array_equal(store.entry, np.arange(7))
    np.testing.assert_array_equal(store.rows("test"), [0, 3, 6])
    np.testing.assert_array_equal(store.rows("train"), [1, 2, 4, 5])
    assert store.rows("validation").size == 0


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("int16", -32768, 32767), ("uint16", 0, 65535), ("int32", -70_000, -5_000), ("float32", -5, 4000)],
)
def test_integers_are_exact_in_sixteen_bits(tmp_path: Path, dtype: str, low: int, high: int) -> None:
    pixels = np.random.default_rng(0).integers(low, high, (3, 16, 24), endpoint=True).astype(dtype)
    pixels[0, 0, :2] = low, high
    store = _prepare(_catalog(tmp_path / "data", {"a.nii": pixels}), tmp_path, slices="all")
    assert store.raw.dtype == np.uint16
    expected = format_of(Path("a.nii")).read(tmp_path / "data" / "a.nii").slices
    np.testing.assert_array_equal(store.native(np.arange(3)), expected)


def test_other_floats_are_rounded_to_levels_of_their_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).normal(0, 0.1, (2, 16, 24)).astype(np.float32)
    store = _prepare(_catalog(tmp_path / "data", {"a.nii": pixels}), tmp_path, slices="all")
    expected = format_of(Path("a.nii")).read(tmp_path / "data" / "a.nii").slices
    step = (float(pixels.max()) - float(pixels.min())) / 65535
    np.testing.assert_allclose(store.native(np.arange(2)), expected, atol=0.501 * step)


def test_one_deep_file_makes_the_store_deep_and_all_stay_exact(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 60_000, (1, 16, 24)).astype(np.uint16)
    scans = {**_pictures(2, shape=(16, 24)), "deep.png": deep}
    store = _prepare(_catalog(tmp_path / "data", scans), tmp_path)
    assert store.raw.dtype == np.uint16
    np.testing.assert_array_equal(store.native(np.arange(3)), np.concatenate(list(scans.values())))


def _volume() -> np.ndarray:
    """10 slices, of which 3 to 7 hold anatomy; 8 has one bright pixel, 0 and 9 are constant."""
    volume = np.random.default_rng(0).integers(0, 5, (10, 16, 24)).astype(np.int16)
    volume[3:8, 4:12, 6:18] += 500
    volume[8, 0, 0] = 600
    volume[[0, 9]] = 0
    return volume


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ("foreground", range(3, 8)),
        ("all", range(10)),
        ("2:5", range(2, 5)),
        ("8:99", (8, 9)),
        ("middle:4", range(3, 7)),
        ("middle:99", range(10)),
    ],
)
def test_slices_of_a_volume_are_chosen(tmp_path: Path, slices: str, expected: range) -> None:
    scans = {"a.nii.gz": _volume(), "b.nii.gz": _volume()[None, 5]}
    store = _prepare(_catalog(tmp_path / "data", scans), tmp_path, slices=slices)
    np.testing.assert_array_equal(store.slice_index, [*expected, 0])
    np.testing.assert_array_equal(store.entry, [0] * len(expected) + [1])


def test_foreground_is_measured_from_the_minimum(tmp_path: Path) -> None:
    """Air is -1000 in computed tomography: everything would lie below a tenth of the maximum."""
    store = _prepare(_catalog(tmp_path / "data", {"a.nii": _volume() - np.int16(1000)}), tmp_path)
    np.testing.assert_array_equal(store.slice_index, range(3, 8))


@pytest.mark.parametrize("slices", ["some", "5:5", "middle:0", "20-80", ""])
def test_an_invalid_slice_selection_is_refused(tmp_path: Path, slices: str) -> None:
    with pytest.raises(ValueError, match=r"slices is .*middle:COUNT"):
        _prepare(_catalog(tmp_path / "data", _pictures(1)), tmp_path, slices=slices)


def _with_bad_files(root: Path) -> Catalog:
    _catalog(root, {**_pictures(6), "constant.png": np.full((1, 9, 9), 4, np.uint8), "all.nii": _volume()})
    nan = np.ones((1, 9, 9), np.float32)
    nan[0, 0, 0] = np.nan
    _catalog(root, {"nan.nii": nan})
    (root / "empty.png").write_bytes(b"")
    (root / "002.png").write_bytes((root / "002.png").read_bytes()[:-60])
    (root / "noise.nii.gz").write_bytes(b"this is no scan")
    names = [*_pictures(6), "constant.png", "nan.nii", "empty.png", "noise.nii.gz", "gone.png", "all.nii"]
    return _listed(root, names)


BAD = ["002.png", "constant.png", "nan.nii", "empty.png", "noise.nii.gz", "gone.png"]


def test_all_unusable_files_are_reported_at_once(tmp_path: Path) -> None:
    catalog = _with_bad_files(tmp_path / "data")
    with pytest.raises(BadScans, match="6 of 12 files") as caught:
        _prepare(catalog, tmp_path)
    assert [path for path, _ in caught.value.problems] == BAD
    assert all(f"  {path}: " in str(caught.value) for path in BAD)
    with pytest.raises(BadScans):  # still, though the store of the good ones is there
        _prepare(catalog, tmp_path)


def test_skip_bad_skips_unusable_files_and_keeps_the_others(tmp_path: Path) -> None:
    catalog = _with_bad_files(tmp_path / "data")
    with pytest.raises(BadScans):
        _prepare(catalog, tmp_path)
    calls: list[tuple[int, int]] = []
    store = _prepare(catalog, tmp_path, skip_bad=True, progress=lambda *call: calls.append(call))
    assert not calls
    assert [path for path, _ in store.skipped] == BAD
    np.testing.assert_array_equal(store.entry, [0, 1, 3, 4, 5, 11, 11, 11, 11, 11])


def test_nothing_but_bad_files_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(BadScans) as caught:
        _prepare(_listed(tmp_path / "data", ["gone.png"]), tmp_path, skip_bad=True)
    assert "skip" not in str(caught.value)


def test_a_volume_without_selected_slices_is_reported(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", {"a.nii": _volume()})
    with pytest.raises(BadScans, match="has 10 slices, of which slices=20:80 selects none"):
        _prepare(catalog, tmp_path, slices="20:80")


def test_no_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no scans"):
        _prepare(_listed(tmp_path, []), tmp_path)


def test_a_store_is_built_once(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", _pictures(5))
    calls: list[tuple[int, int]] = []
    first = _prepare(catalog, tmp_path, progress=lambda *call: calls.append(call))
    assert calls == [(done, 5) for done in range(6)]
    again = _prepare(catalog, tmp_path, progress=lambda *call: calls.append(call))
    assert len(calls) == 6
    assert again.folder == first.folder
    assert not again.replaced
    np.testing.assert_array_equal(again.raw, first.raw)
    assert _stores(tmp_path) == [first.folder.name]


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", {**_pictures(30), "v.nii.gz": _volume()})
    one = prepare_store(catalog, geometry=GEOMETRY, cache=tmp_path / "1", workers=1)
    four = prepare_store(catalog, geometry=GEOMETRY, cache=tmp_path / "4", workers=4)
    np.testing.assert_array_equal(one.raw, four.raw)
    np.testing.assert_array_equal(one.entry, four.entry)


def test_changed_files_replace_the_store(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", _pictures(5))
    first = _prepare(catalog, tmp_path)
    path = tmp_path / "data" / "001.png"
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    second = _prepare(catalog, tmp_path)
    assert second.folder != first.folder
    assert second.replaced
    assert _stores(tmp_path) == [second.folder.name]
    assert first.gather(np.arange(5)).shape == (5, 16, 24)  # whoever still trains on it is not disturbed


def test_stores_of_other_settings_or_files_stay(tmp_path: Path) -> None:
    scans = _pictures(4)
    catalog = _catalog(tmp_path / "data", scans)
    _prepare(catalog, tmp_path)
    other = prepare_store(catalog, geometry=Geometry(height=8, width=8), cache=tmp_path / "cache")
    segmented = _prepare(_catalog(tmp_path / "data", {"seg/1.png": scans["001.png"]}), tmp_path)
    assert not other.replaced
    assert not segmented.replaced
    assert len(_stores(tmp_path)) == 3


def test_splits_and_labels_may_change_under_a_store_but_not_the_order(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", _pictures(4))
    first = _prepare(catalog, tmp_path)
    entries = tuple(replace(entry, split="validation", label="AD") for entry in catalog.entries)
    again = _prepare(replace(catalog, entries=entries, labels=("AD",)), tmp_path)
    assert again.folder == first.folder
    np.testing.assert_array_equal(again.rows("validation"), range(4))
    turned = _listed(tmp_path / "data", [*_pictures(4)][::-1])
    assert _prepare(turned, tmp_path).folder != first.folder


def test_a_damaged_store_is_refused_and_built_again(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", _pictures(4))
    folder = _prepare(catalog, tmp_path).folder
    os.truncate(folder / "raw.bin", 100)
    with pytest.raises(ValueError, match="100 bytes"):
        open_store(folder, catalog)
    with pytest.warns(StoreRepairedWarning, match="is damaged; all of its scans"):
        store = _prepare(catalog, tmp_path)
    np.testing.assert_array_equal(store.raw[:, 1:14, 1:22], np.concatenate(list(_pictures(4).values())))


def test_rows_are_gathered_in_any_order(tmp_path: Path) -> None:
    store = _prepare(_catalog(tmp_path / "data", _pictures(6)), tmp_path)
    rows = np.array([5, 0, 0, 3])
    np.testing.assert_array_equal(store.gather(rows), store.raw[rows])
    out = np.empty((4, 16, 24), np.uint8)
    assert store.gather(rows, out) is out
    assert store.gather(np.array([], np.int64)).shape == (0, 16, 24)
    for wrong in (-1, 6):
        with pytest.raises(IndexError):
            store.gather(np.array([wrong]))


def test_gathering_without_positioned_reads_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _prepare(_catalog(tmp_path / "data", _pictures(6)), tmp_path)
    monkeypatch.delattr(os, "preadv")
    rows = np.array([5, 0, 0, 3])
    np.testing.assert_array_equal(store.gather(rows), store.raw[rows])


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCANVQ_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert stores_folder() == tmp_path / "scanvq" / "stores"
    monkeypatch.setenv("SCANVQ_CACHE", str(tmp_path / "own"))
    assert stores_folder() == tmp_path / "own" / "stores"
    assert stores_folder(tmp_path / "argument") == tmp_path / "argument" / "stores"


def test_the_digest_is_of_the_slices_alone(tmp_path: Path) -> None:
    scans = _pictures(3)
    one, two = (_prepare(_catalog(tmp_path / name, scans), tmp_path) for name in ("one", "two"))
    assert one.folder != two.folder
    assert one.digest == two.digest
    scans["001.png"][0, 5, 5] += 1
    assert _prepare(_catalog(tmp_path / "two", scans), tmp_path).digest != one.digest


def test_a_store_without_a_digest_is_built_again(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path / "data", _pictures(3))
    store = _prepare(catalog, tmp_path)
    header = json.loads((store.folder / HEADER).read_text())
    digest = header.pop("digest")
    (store.folder / HEADER).write_text(json.dumps(header))
    with pytest.warns(StoreRepairedWarning):
        assert _prepare(catalog, tmp_path).digest == digest
    assert json.loads((store.folder / HEADER).read_text())["digest"] == digest
