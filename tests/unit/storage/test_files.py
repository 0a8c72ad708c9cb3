"""Atomic writes: a file is complete or absent."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from scanvq.storage.files import atomic_write, read_json, remove_temporary_files, write_json, write_text


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scan.nii.gz"
    with atomic_write(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.name.endswith(".nii.gz")
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def write_half() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("ne")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "plain").touch()
    ours, plain = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain"))
    assert ours == plain


def test_json_keeps_its_values(tmp_path: Path) -> None:
    value = {"name": "Schädel", "sizes": [[256, 256]], "mean": 0.1, "label": None}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_temporary_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    write_text(tmp_path / "tokenizer" / "best.json", "{}")
    writing = atomic_write(tmp_path / "tokenizer" / "best.json")
    temporary = writing.__enter__()  # never exited: the process was killed
    assert temporary.exists()
    remove_temporary_files(tmp_path)
    assert [path.name for path in tmp_path.rglob("*.json")] == ["best.json"]
    remove_temporary_files(tmp_path / "nowhere")
