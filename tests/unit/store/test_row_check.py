"""A store that was damaged on disk: damage is found when a row is first read, repaired and reported."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.formats import Scan, format_of
from scanvq.imaging.geometry import Geometry
from scanvq.store.build import HEADER, INDEX, KEY_FILE, RAW
from scanvq.store.row_check import DamagedStoreError, StoreRepairedWarning
from scanvq.store.store import Store, prepare_store

GEOMETRY = Geometry(height=16, width=24)
ROW = 16 * 24


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Three volumes of two slices each."""
    random = np.random.default_rng(0)
    entries = []
    for name in ("a.npy", "b.npy", "c.npy"):
        path = tmp_path / "data" / name
        path.parent.mkdir(exist_ok=True)
        format_of(path).write(path, Scan(slices=random.integers(0, 250, (2, 16, 24)).astype(np.uint8)))
        entries.append(Entry(path=Path(name), subject=name, group=name, split="train", label=None))
    return Catalog(root=tmp_path / "data", layout="flat", entries=entries, labels=(), notes=())


def _open(catalog: Catalog, tmp_path: Path) -> Store:
    return prepare_store(catalog, geometry=GEOMETRY, cache=tmp_path / "cache", slices="all")


def _overwrite(file: Path, offset: int, content: bytes) -> None:
    with file.open("rb+") as opened:
        opened.seek(offset)
        opened.write(content)


@pytest.mark.parametrize("offset", [0, ROW - 1, 2 * ROW, 3 * ROW + 7, 6 * ROW - 1])
@pytest.mark.parametrize("length", [1, 60])
def test_overwritten_bytes_are_prepared_again(
    catalog: Catalog, tmp_path: Path, offset: int, length: int
) -> None:
    raw = _open(catalog, tmp_path).folder / RAW
    intact = raw.read_bytes()
    damage = bytes(255 - byte for byte in intact[offset : offset + length])
    _overwrite(raw, offset, damage)
    store = _open(catalog, tmp_path)
    with pytest.warns(StoreRepairedWarning, match=f"those of {'abc'[offset // (2 * ROW)]}.npy"):
        levels = store.gather(np.arange(6))
    assert levels.tobytes() == intact == raw.read_bytes()
    assert _open(catalog, tmp_path).gather(np.arange(6)).tobytes() == intact  # without a warning


def test_an_undamaged_store_gives_no_warning_and_is_checked_once(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _open(catalog, tmp_path)
    rows = np.array([5, 0, 0, 3])
    first = store.gather(rows)
    monkeypatch.setattr("scanvq.store.store.row_checksums", lambda rows: pytest.fail("checked twice"))
    np.testing.assert_array_equal(store.gather(rows), first)


def test_damage_without_the_scans_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    store = _open(catalog, tmp_path)
    _overwrite(store.folder / RAW, 4, b"damaged!")
    (catalog.root / "a.npy").unlink()
    with pytest.raises(DamagedStoreError, match=r"a\.npy are damaged .*no such file.*remove this store"):
        store.gather(np.arange(2))
    assert store.gather(np.arange(2, 6)).any()  # the others are as they were


def test_damage_of_a_scan_that_was_changed_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    store = _open(catalog, tmp_path)
    _overwrite(store.folder / RAW, 4, b"damaged!")
    shutil.copy(catalog.root / "b.npy", catalog.root / "a.npy")
    with pytest.raises(DamagedStoreError, match=r"a\.npy are damaged .*now gives other ones"):
        store.gather(np.arange(2))


def _other_slope(folder: Path) -> None:
    with np.load(folder / INDEX) as arrays:
        index = dict(arrays)
    np.savez(folder / INDEX, **{**index, "slope": index["slope"] * 2})


def _flipped_bit(folder: Path) -> None:
    content = bytearray((folder / INDEX).read_bytes())
    content[len(content) // 2] ^= 8
    (folder / INDEX).write_bytes(content)


def _other_header(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        header = json.loads((folder / HEADER).read_text())
        (folder / HEADER).write_text(json.dumps({**header, **values}))

    return change


@pytest.mark.parametrize(
    "damage",
    [
        _other_slope,
        _flipped_bit,
        _other_header(digest="0" * 20),
        _other_header(shape=[6, 24, 16]),
        _other_header(problems=[["a.npy", "made up"]]),
        _other_header(seal=None),
        lambda folder: (folder / HEADER).write_text("null"),
        lambda folder: (folder / HEADER).write_text("[" * 20),
        lambda folder: (folder / INDEX).unlink(),
    ],
)
def test_a_damaged_header_or_index_is_prepared_again(
    catalog: Catalog, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    store = _open(catalog, tmp_path)
    intact, digest, folder = store.gather(np.arange(6)), store.digest, store.folder
    damage(folder)
    with pytest.warns(StoreRepairedWarning, match="all of its scans are prepared again"):
        store = _open(catalog, tmp_path)
    np.testing.assert_array_equal(store.gather(np.arange(6)), intact)
    assert (store.digest, store.slope.tolist()) == (digest, [1.0] * 6)


def test_a_damaged_key_file_is_refused_where_it_is_needed(catalog: Catalog, tmp_path: Path) -> None:
    store = _open(catalog, tmp_path)
    (store.folder / KEY_FILE).write_text("{}")
    _overwrite(store.folder / RAW, 4, b"damaged!")
    with pytest.raises(DamagedStoreError, match="remove this folder"):
        store.gather(np.arange(6))
