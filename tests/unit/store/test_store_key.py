"""Store keys: blocks of files give the same name and JSON as all at once; stale stores are detected."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from scanvq.cohort.catalog import Catalog, Entry
from scanvq.imaging.geometry import Geometry
from scanvq.store import store_key
from scanvq.store.stale import is_stale
from scanvq.store.store_key import StoreKey

NAMES = ["a b.png", "größe/脑.png", 'with "quotes", and [brackets].png', os.fsdecode(b"la\xefs.png"), "2.png"]


def _key(root: Path, names: list[str], *, side: int = 8) -> StoreKey:
    entries = tuple(Entry(path=Path(name), subject="s", group="s", split=None, label=None) for name in names)
    catalog = Catalog(root=root, layout="flat", entries=entries, labels=(), notes=())
    return StoreKey.of(catalog, geometry=Geometry(height=side, width=8), plane="axial", slices="all")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * number)
    return tmp_path / "data"


def test_the_name_and_the_file_are_those_of_everything_at_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_key, "BLOCK", 2)
    key = _key(root, [*NAMES, "gone.png"])
    files = [root / name for name in NAMES]
    file_states = [[path.stat().st_size, path.stat().st_mtime_ns] for path in files] + [[-1, -1]]
    reported = [[name, stamp] for name, stamp in zip([*NAMES, "gone.png"], file_states, strict=True)]
    digest = hashlib.sha256(json.dumps([key.settings, reported]).encode()).hexdigest()
    assert key.name == f"data-{digest[:20]}"
    key.write(tmp_path / "source.json")
    expected = json.dumps({"settings": key.settings, "stamps": reported})
    assert (tmp_path / "source.json").read_text(encoding="utf-8") == expected


def _old(root: Path, tmp_path: Path, names: list[str], **options: int) -> Path:
    _key(root, names, **options).write(tmp_path / "old.json")
    return tmp_path / "old.json"


@pytest.mark.parametrize(("old", "stale"), [(NAMES[:4], True), (NAMES[1:4], True), (NAMES[3:], False)])
def test_a_store_whose_files_are_all_in_the_new_one_is_stale(
    root: Path, tmp_path: Path, old: list[str], stale: bool
) -> None:
    assert is_stale(_old(root, tmp_path, old), _key(root, NAMES[:4])) is stale


@pytest.mark.parametrize("changed", [NAMES[0], NAMES[4]])
@pytest.mark.parametrize("how", ["touched", "gone"])
def test_a_store_with_a_changed_file_is_stale(root: Path, tmp_path: Path, changed: str, how: str) -> None:
    """Whether the new one holds that file or not."""
    old = _old(root, tmp_path, NAMES)
    os.utime(root / changed, (1, 1)) if how == "touched" else (root / changed).unlink()
    assert is_stale(old, _key(root, NAMES[:4]))


def test_another_size_is_not_stale_but_another_version_is(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_stale(_old(root, tmp_path, NAMES, side=16), _key(root, NAMES))
    old = _old(root, tmp_path, NAMES[3:])
    monkeypatch.setattr(store_key, "FORMAT_VERSION", store_key.FORMAT_VERSION + 1)
    assert is_stale(old, _key(root, NAMES[:4]))


@pytest.mark.parametrize("text", ["", "{}", '{"settings": {"ver', '[["a", [1, 2]]]'])
def test_a_file_that_is_no_key_is_refused(root: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(ValueError, match=r"there is no|Unterminated"):
        is_stale(tmp_path / "old.json", _key(root, NAMES))


def test_a_truncated_key_is_refused(root: Path, tmp_path: Path) -> None:
    old = _old(root, tmp_path, NAMES)
    old.write_text(old.read_text()[:-20])
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|there is no"):
        is_stale(old, _key(root, NAMES))
