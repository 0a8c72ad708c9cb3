"""Files appear whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from scanvq.storage.files import read_json, remove_unfinished, whole_file, write_json, write_text


def test_a_file_appears_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scan.nii.gz"
    with whole_file(path) as temporary:
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
        with whole_file(path) as temporary:
            temporary.write_text("ne")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_it_as_they_may_read_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "plain").touch()
    ours, plain = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain"))
    assert ours == plain


def test_json_keeps_its_values(tmp_path: Path) -> None:
    value = {"name": "Schädel", "sizes": [[256, 256]], "mean": 0.1, "label": None}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    write_text(tmp_path / "tokenizer" / "best.json", "{}")
    writing = whole_file(tmp_path / "tokenizer" / "best.json")
    left = writing.__enter__()  # and never left: the process is gone
    assert left.exists()
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.rglob("*.json")] == ["best.json"]
    remove_unfinished(tmp_path / "nowhere")
