"""Names of files that are no text, or that would write to the terminal: used, and shown with codes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanvq.cli.main import main
from scanvq.imaging.display import display_name, display_text
from scanvq.imaging.formats import UnreadableScan
from scanvq.storage.files import read_json, write_json
from scanvq.store.leakage import Leak
from scanvq.store.store import BadScans

STRANGE = [b"p\xff\xfe.png", b"p\x1b[31mred.png", b"p\nq.png", "p\u202egnp.png".encode(), "pé.png".encode()]


def _scans(folder: Path, *, strange: bool) -> Path:
    folder.mkdir()
    names = [b"a%02d.png" % number for number in range(20)] + (STRANGE if strange else [])
    random = np.random.default_rng(0)
    for name in names:
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        Image.fromarray(random.integers(0, 256, (32, 32), np.uint8)).save(path)
    return folder


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["scanvq", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_names_are_shown_without_control_characters() -> None:
    assert display_name(Path("a/p1.png")) == "a/p1.png"
    assert display_name("pé 日本.png") == "pé 日本.png"
    assert display_name(os.fsdecode(b"p\xff.png")) == r"p\xff.png"
    assert display_name("a\x1b[31m\nb\r\u202ec") == r"a\x1b[31m\nb\r\u202ec"
    assert display_text("one\ntwo\x1b[0m") == "one\ntwo\\x1b[0m"


def test_every_message_with_a_name_is_one_line() -> None:
    name = "p\n\x1b[2J.png"
    leak = Leak(first=name, second=name, splits=("train", "test"), subjects=(name, name))
    messages = [
        str(UnreadableScan(name, "bad")),
        str(leak),
        *str(BadScans([(name, "bad")], 1)).split("\n")[1:],
    ]
    for message in messages:
        assert "\x1b" not in message
        assert "\n" not in message
        assert r"p\n\x1b[2J.png" in message


def test_records_keep_names_that_are_no_text(tmp_path: Path) -> None:
    names = [os.fsdecode(name) for name in STRANGE]
    write_json(tmp_path / "data.json", {"entries": names})
    assert read_json(tmp_path / "data.json") == {"entries": names}


@pytest.mark.parametrize("command", ["inspect", "check"])
def test_commands_go_on_with_strange_names(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCANVQ_CACHE", str(tmp_path / "cache"))
    arguments = ["--recipe", "tiny"] if command == "check" else []
    folder = _scans(tmp_path / "scans", strange=True)
    assert _run(monkeypatch, "data", command, folder, *arguments) == 0
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    bad = Path(os.fsdecode(os.fsencode(folder) + b"/p\xff\x1b.png"))
    bad.write_bytes(b"no image")
    status = _run(monkeypatch, "data", command, folder, *arguments)
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert r"p\xff\x1b.png" in shown.out + shown.err
    assert status == (2 if command == "check" else 0)


@pytest.mark.slow
def test_a_run_on_strange_names_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANVQ_CACHE", str(tmp_path / "cache"))
    folder = _scans(tmp_path / "scans", strange=True)
    out = tmp_path / "run"
    assert (
        _run(monkeypatch, "fit", folder, "--recipe", "tiny", "--epochs", "1", "--allow-leak", "--out", out)
        == 0
    )
    assert len(read_json(out / "data.json")["entries"]) == 25
    assert (out / "report.html").is_file()
