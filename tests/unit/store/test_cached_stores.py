"""The prepared stores in the cache: listed with scans, size and last use; one in use is never removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scanvq.cli.main import app
from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.formats import Scan, format_of
from scanvq.imaging.geometry import Geometry
from scanvq.store.build import HEADER, RAW
from scanvq.store.cache_locks import exclusive_lock
from scanvq.store.cached_stores import list_stores, remove_store, stores_folder
from scanvq.store.store import Store, prepare_store


def prepared(folder: Path, *, count: int = 3) -> Store:
    folder.mkdir(exist_ok=True)
    names = [f"{number}.png" for number in range(count)]
    for number, name in enumerate(names):
        if (folder / name).exists():
            continue
        pixels = np.random.default_rng(number).integers(0, 250, (1, 8, 12)).astype(np.uint8)
        format_of(folder / name).write(folder / name, Scan(slices=pixels))
    entries = tuple(Entry(path=Path(n), subject=n, group=n, split="train", label=None) for n in names)
    catalog = Catalog(root=folder, layout="flat", entries=entries, labels=(), notes=())
    return prepare_store(catalog, geometry=Geometry(height=8, width=12))


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANVQ_CACHE", str(tmp_path / "cache"))


def test_stores_are_listed_with_scans_size_and_last_use(tmp_path: Path) -> None:
    assert list_stores() == []
    older, newer = prepared(tmp_path / "a").folder, prepared(tmp_path / "b", count=2).folder
    os.utime(older / HEADER, (1000, 1000))
    (stores_folder() / "of someone else").mkdir()
    first, second = list_stores()
    assert (first.folder, second.folder) == (newer, older)
    assert (second.scans, second.slices, second.size) == (str((tmp_path / "a").resolve()), 3, (8, 12))
    assert second.last_used == 1000
    assert second.disk_bytes == sum(file.stat().st_size for file in older.iterdir())
    prepared(tmp_path / "a")
    assert list_stores()[0].folder == older  # opened last


def test_a_store_is_removed_unless_it_is_in_use(tmp_path: Path) -> None:
    store = prepared(tmp_path / "a")
    folder = store.folder
    assert list_stores()[0].in_use
    assert not remove_store(folder)
    np.testing.assert_array_equal(store.gather(np.arange(3)), store.raw)
    del store
    assert not list_stores()[0].in_use
    with exclusive_lock(folder.parent, folder.name):  # it is prepared now
        assert not remove_store(folder)
    assert remove_store(folder)
    assert not folder.exists()
    assert len(prepared(tmp_path / "a")) == 3


def test_a_store_that_another_process_uses_stays(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "a").folder
    script = (
        "import sys, os; from pathlib import Path; from scanvq.store.cache_locks import hold_in_use;"
        "hold_in_use(os.open(sys.argv[1], os.O_RDONLY)); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder / RAW)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert not remove_store(folder)
        other.communicate()
    assert remove_store(folder)


def test_an_incomplete_and_a_damaged_store_are_listed_and_removed(tmp_path: Path) -> None:
    incomplete, damaged = prepared(tmp_path / "a").folder, prepared(tmp_path / "b").folder
    (incomplete / HEADER).unlink()
    (damaged / HEADER).write_text("[]")
    assert {store.folder: store.slices for store in list_stores()} == {incomplete: None, damaged: None}
    assert remove_store(incomplete)
    assert remove_store(damaged)


def test_the_command_lists_asks_and_removes(tmp_path: Path) -> None:
    names = [prepared(tmp_path / name).folder.name for name in ("a", "b")]
    run = CliRunner().invoke
    listed = run(app, ["cache"])
    assert listed.exit_code == 0
    assert all(name in listed.output for name in names)
    assert "3 slices of 8x12" in listed.output
    assert "nothing removed" in run(app, ["cache", "--clear"], input="n\n").output
    assert isinstance(run(app, ["cache", "--clear"], input="").exception, ValueError)
    assert isinstance(run(app, ["cache", "--yes"]).exception, ValueError)
    assert isinstance(run(app, ["cache", "--clear", "--yes", "none"]).exception, ValueError)
    assert len(list_stores()) == 2
    assert "removed 1 stores" in run(app, ["cache", "--clear", "--yes", names[0]]).output
    assert "removed 1 stores" in run(app, ["cache", "--clear"], input="y\n").output
    assert list_stores() == []
