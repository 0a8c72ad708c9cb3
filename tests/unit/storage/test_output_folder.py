"""Output folders: complete or not at all, and nothing is replaced that ScanVQ did not write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scanvq.storage.files import DamagedFileError
from scanvq.storage.output_folder import OutputError, output_file, output_folder, undo_interrupted
from scanvq.storage.output_record import HIDDEN

Files = dict[str, str]


def write(out: Path, files: Files, **options: bool) -> None:
    with output_folder(out, files, **options) as folder:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)


def visible(out: Path) -> Files:
    files = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return {name: (out / name).read_text() for name in files if not name.startswith(HIDDEN)}


EIGHT = {f"sample_{number}.png": f"{number} of 8" for number in range(8)} | {"panels/sheet.png": "8"}
TWO = {f"sample_{number}.png": f"{number} of 2" for number in range(2)} | {"panels/sheet.png": "2"}


def test_files_appear_when_the_block_ends(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with output_folder(out, ["a", "b/c"]) as folder:
        (folder / "a").write_text("1")
        assert visible(out) == {}
    assert visible(out) == {"a": "1"}
    assert {path.name for path in (out / HIDDEN).iterdir()} == {"outputs.json", "lock"}


def test_a_failure_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        write(tmp_path / "out", {"a": "1", "a/b": "cannot be written"})
    assert not list(tmp_path.iterdir())


def test_a_second_set_of_the_same_names_is_refused_before_it_is_made(tmp_path: Path) -> None:
    write(tmp_path, EIGHT)
    refused = pytest.raises(OutputError, match=r"sheet\.png is there already.*--out.*--overwrite")
    with refused, output_folder(tmp_path, TWO):
        raise AssertionError("begun")
    assert visible(tmp_path) == EIGHT


def test_other_names_are_added(tmp_path: Path) -> None:
    write(tmp_path, EIGHT)
    write(tmp_path, {"other.png": "o"})
    assert visible(tmp_path) == {**EIGHT, "other.png": "o"}


def test_overwrite_replaces_the_whole_earlier_set_and_no_other_file(tmp_path: Path) -> None:
    write(tmp_path, EIGHT)
    write(tmp_path, {"other.png": "another set"})
    own = {"notes.txt": "mine", "panels/drawn.png": "mine"}
    for name, text in own.items():
        (tmp_path / name).write_text(text)
    write(tmp_path, TWO, overwrite=True)
    assert visible(tmp_path) == {**TWO, "other.png": "another set", **own}
    write(tmp_path, {"sample_1.png": "alone"}, overwrite=True)
    assert visible(tmp_path) == {"sample_1.png": "alone", "other.png": "another set", **own}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_of_someone_else_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "sample_1.png").write_text("mine")
    with pytest.raises(OutputError, match=r"sample_1\.png would be replaced, but is not ScanVQ's"):
        write(tmp_path, TWO, overwrite=overwrite)
    assert visible(tmp_path) == {"sample_1.png": "mine"}
    assert not (tmp_path / HIDDEN).exists()


def test_a_changed_file_is_kept(tmp_path: Path) -> None:
    write(tmp_path, EIGHT)
    (tmp_path / "sample_7.png").write_text("annotated")
    write(tmp_path, TWO, overwrite=True)
    assert visible(tmp_path) == {**TWO, "sample_7.png": "annotated"}
    (tmp_path / "sample_0.png").write_text("0 of 3")  # of the same size
    with pytest.raises(OutputError, match=r"sample_0\.png would be replaced, but was changed since"):
        write(tmp_path, TWO, overwrite=True)


def test_names_that_the_caller_did_not_know_are_checked_before_anything_moves(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1"})
    (tmp_path / "b").write_text("mine")
    writing = output_folder(tmp_path, ["a"], overwrite=True)
    folder = writing.__enter__()
    for name in ("a", "b"):
        (folder / name).write_text("2")
    with pytest.raises(OutputError, match="b would be replaced"):
        writing.__exit__(None, None, None)
    assert visible(tmp_path) == {"a": "1", "b": "mine"}


def test_a_folder_as_one_output(tmp_path: Path) -> None:
    def series(**options: bool) -> None:
        with output_folder(tmp_path, ["series"], **options) as folder:
            (folder / "series").mkdir()
            (folder / "series" / "1.dcm").write_text("1")

    series()
    with pytest.raises(OutputError, match=r"1\.dcm is there already"):
        series()
    series(overwrite=True)
    (tmp_path / "series" / "2.dcm").write_text("mine")
    with pytest.raises(OutputError, match=r"2\.dcm would be replaced"):
        series(overwrite=True)


@pytest.mark.parametrize("place", ["a", "a/b/c"])
def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(OutputError, match=r"a (would be replaced|is a file)"):
        write(tmp_path if place != "a" else tmp_path / "a", {place: "1"}, overwrite=True)
    assert visible(tmp_path) == {"a": "mine"}


def test_a_link_is_a_file_of_someone_else(tmp_path: Path) -> None:
    write(tmp_path / "out", {"a": "1"})
    (tmp_path / "out" / "a").rename(tmp_path / "elsewhere")
    (tmp_path / "out" / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="a would be replaced"):
        write(tmp_path / "out", {"a": "2"}, overwrite=True)
    assert (tmp_path / "elsewhere").read_text() == "1"


def test_two_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="two outputs would be"), output_folder(tmp_path, ["a", "./a"]):
        raise AssertionError("begun")


def test_names_of_a_run_directory_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("of an earlier version")
    write(tmp_path, {"report.html": "1", "figures/a.png": "1"}, owned=True)
    (tmp_path / "figures" / "b.png").write_text("mine")
    write(tmp_path, {"report.html": "2"}, owned=True)
    assert visible(tmp_path) == {"report.html": "2", "figures/b.png": "mine"}


def test_a_single_file(tmp_path: Path) -> None:
    def codes(text: str, *, overwrite: bool = False) -> None:
        with output_file(tmp_path / "codes.npz", overwrite=overwrite) as file:
            file.write_text(text)

    codes("1")
    with pytest.raises(OutputError, match=r"codes\.npz is there already"):
        codes("2")
    codes("2", overwrite=True)
    assert visible(tmp_path) == {"codes.npz": "2"}


@pytest.mark.parametrize("count", range(14))
def test_a_failing_move_leaves_the_earlier_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Moves: the journal, nine files out, three in, the record."""
    write(tmp_path, EIGHT)
    replace, done = Path.replace, 0

    def failing(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done == count + 1:
            raise OSError("Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="Input"):
        write(tmp_path, TWO, overwrite=True)
    assert visible(tmp_path) == EIGHT
    write(tmp_path, TWO, overwrite=True)
    assert visible(tmp_path) == TWO


KILLED = """
import os, sys
from pathlib import Path
from scanvq.storage.output_folder import output_folder
replace, done = Path.replace, 0
def killed(self, target):
    global done
    done += 1
    if done == int(sys.argv[2]):
        os._exit(9)
    return replace(self, target)
Path.replace = killed
with output_folder(Path(sys.argv[1]), ["a", "b"], overwrite=True) as folder:
    (folder / "a").write_text("new")
    (folder / "b").write_text("new")
"""


@pytest.mark.parametrize("count", [1, 3, 5, 6])
def test_a_killed_process_leaves_what_the_next_call_undoes(tmp_path: Path, count: int) -> None:
    """Moves: the journal, three files out, two in, the record."""
    old = {"a": "old", "b": "old", "c": "old"}
    write(tmp_path, old)
    assert subprocess.run([sys.executable, "-c", KILLED, tmp_path, str(count)]).returncode == 9
    with pytest.raises(OutputError, match="is there already"):
        write(tmp_path, {"c": "new"})
    assert visible(tmp_path) == old
    write(tmp_path, {"a": "new"}, overwrite=True)
    assert visible(tmp_path) == {"a": "new"}
    assert len(list((tmp_path / HIDDEN).iterdir())) == 2


@pytest.mark.parametrize("count", [1, 5, 6])
def test_what_a_killed_process_began_can_be_undone_before_looking(tmp_path: Path, count: int) -> None:
    old = {"a": "old", "b": "old", "c": "old"}
    write(tmp_path, old)
    subprocess.run([sys.executable, "-c", KILLED, tmp_path, str(count)])
    undo_interrupted(tmp_path)
    assert visible(tmp_path) == old
    undo_interrupted(tmp_path)
    undo_interrupted(tmp_path / "missing")
    assert visible(tmp_path) == old
    assert not (tmp_path / "missing").exists()


def test_two_commands_write_to_one_folder_at_once(tmp_path: Path) -> None:
    with output_folder(tmp_path, ["a"]) as first, output_folder(tmp_path, ["b"]) as second:
        (second / "b").write_text("2")
        (first / "a").write_text("1")
    assert visible(tmp_path) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "record",
    ["[]", '{"format": 2}', '{"sets": [{"../a": {"size": 1, "digest": "x"}}]}', "no JSON", '{"sets": null}'],
)
def test_a_damaged_or_hostile_record_is_refused(tmp_path: Path, record: str) -> None:
    write(tmp_path, {"a": "1"})
    (tmp_path / HIDDEN / "outputs.json").write_text(record)
    with pytest.raises(DamagedFileError, match=r"outputs\.json is damaged"):
        write(tmp_path, {"a": "2"}, overwrite=True)
    assert visible(tmp_path) == {"a": "1"}
