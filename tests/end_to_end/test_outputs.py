"""What commands write: complete or not at all, and never in place of a file that is not theirs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import scanvq
from scanvq.cli.main import main
from scanvq.model.model import Model
from scanvq.storage.output_record import HIDDEN
from scanvq.storage.run_directory import RunError

Call = Callable[..., tuple[int, str]]
Contents = dict[str, bytes]
Command = tuple[tuple[object, ...], str, str]


@pytest.fixture(scope="module")
def run(scans: Path, small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("outputs") / "run"
    trained = scanvq.fit(scans, out=out, recipe="tiny", overrides=small, epochs=1, device="cpu")
    assert trained is not None
    trained.evaluate()
    return out


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in this process; its exit code and message."""

    def called(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["scanvq", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return code, capsys.readouterr().err

    return called


def contents(folder: Path) -> Contents:
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return {file.as_posix(): (folder / file).read_bytes() for file in files if file.parts[0] != HIDDEN}


# A command, the name of one of its files, and what makes it fail after it has begun to write.
COMMANDS = {
    "reconstruct": (("{scan}", "{other}", "--out", "{out}"), "s00_0.png", "save_panel"),
    "sample": (("-n", 3, "--no-audit", "--out", "{out}"), "sample_002.png", "write_codes"),
    "inpaint": (("{scan}", "--keep", "top-half", "-n", 2, "--out", "{out}"), "s00_0_0.png", "provenance"),
    "encode": (("{scan}", "--out", "{out}/codes.npz"), "codes.npz", "write_codes"),
    "decode": (("{codes}", "--out", "{out}"), "s00_0.png", "restore_slices"),
    "score": (("{scan}", "--calibrate", "none", "--out", "{out}"), "maps/s00_0.npz", "_write_table"),
    "compare": (("--out", "{out}"), "compare.html", "write_comparison"),
    "quiz": (("-n", 4, "--out", "{out}/quiz.html"), "quiz.html", "html"),
}
FAILING = {
    "save_panel": "scanvq.report.figures.panels.save_panel",
    "provenance": "scanvq.model.model.Model.provenance",
    "restore_slices": "scanvq.inference.encode.restore_slices",
    "_write_table": "scanvq.cli.score_output.ScoreOutput._write_table",
    "write_comparison": "scanvq.comparison.compare.write_comparison",
    "html": "scanvq.quiz.page.Quiz.html",
}


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, run: Path, scans: Path, tmp_path: Path, call: Call) -> Command:
    name: str = request.param
    arguments, file, failing = COMMANDS[name]
    given = {
        "scan": scans / "s00_0.png",
        "other": scans / "s01_0.png",
        "out": tmp_path / "out",
        "codes": tmp_path / "codes.npz",
    }
    if name == "decode":
        assert call("encode", run, given["scan"], given["other"], "--out", given["codes"])[0] == 0
    if failing == "write_codes":
        module = {"sample": "sample", "encode": "encode"}[name]
        failing = f"scanvq.inference.{module}.write_codes"
    called = (name, run, *(str(one).format(**given) for one in arguments))
    return called, file, FAILING.get(failing, failing)


def test_files_of_someone_else_are_never_replaced(
    command: Command, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, file, failing = command
    out = tmp_path / "out"
    (out / file).parent.mkdir(parents=True)
    (out / file).write_bytes(b"mine")
    with monkeypatch.context() as patch:
        patch.setattr(failing, _fail)  # refused before that
        for options in ((), ("--overwrite",)):
            code, message = call(*arguments, *options)
            assert code == 2
            assert f"{out / file} would be replaced, but is not ScanVQ's; choose another --out" in message
    assert contents(out) == {file: b"mine"}
    (out / file).rename(out / "elsewhere")
    assert call(*arguments)[0] == 0
    assert contents(out)["elsewhere"] == b"mine"


def test_an_earlier_set_is_replaced_by_overwrite_only_and_whole(
    command: Command, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, file, failing = command
    out = tmp_path / "out"
    assert call(*arguments)[0] == 0
    (out / "notes.txt").write_bytes(b"mine")
    before = contents(out)
    assert file in before
    code, message = call(*arguments)
    assert code == 2
    assert "is there already, from an earlier command; choose another --out" in message
    with monkeypatch.context() as patch:
        patch.setattr(failing, _fail)
        assert call(*arguments, "--overwrite")[0] == 2
    assert contents(out) == before
    assert call(*arguments, "--overwrite")[0] == 0
    assert contents(out).keys() == before.keys()
    assert contents(out)["notes.txt"] == b"mine"


def _fail(*arguments: object, **named: object) -> None:
    raise OSError("Input/output error")


def test_fewer_samples_leave_none_of_the_earlier_ones(run: Path, tmp_path: Path, call: Call) -> None:
    def sample(count: int, *options: str) -> int:
        return call("sample", run, "-n", count, "--out", tmp_path / "out", *options)[0]

    assert sample(6) == 0
    assert (tmp_path / "out" / "audit.json").is_file() == ("audit.json" in contents(tmp_path / "out"))
    assert sample(2, "--overwrite", "--no-audit") == 0
    names = ["codes.npz", "sample_000.png", "sample_001.png", "samples.png"]
    assert sorted(contents(tmp_path / "out")) == names


def test_other_scans_are_added_to_a_folder(run: Path, scans: Path, tmp_path: Path, call: Call) -> None:
    for name in ("s00_0", "s01_0"):
        scan = scans / f"{name}.png"
        assert call("reconstruct", run, scan, "--no-panels", "--out", tmp_path / "rebuilt")[0] == 0
    assert sorted(contents(tmp_path / "rebuilt")) == ["s00_0.png", "s01_0.png"]
    written = tmp_path / "rebuilt" / "s00_0.png"
    code, message = call("reconstruct", run, tmp_path / "rebuilt", "--out", tmp_path / "again")
    assert code == 0, message
    assert sorted(contents(tmp_path / "again")) == [
        "panels/s00_0.png",
        "panels/s01_0.png",
        "s00_0.png",
        "s01_0.png",
    ]
    assert written.is_file()


def test_scores_before_a_bad_file_are_kept(run: Path, scans: Path, tmp_path: Path, call: Call) -> None:
    bad, out = tmp_path / "t.png", tmp_path / "scores"
    bad.write_bytes(b"no PNG")
    score = ("score", run, scans / "s00_0.png", bad, "--calibrate", "none", "--out", out)
    assert call(*score)[0] == 2
    kept = contents(out)
    assert sorted(kept) == ["maps/s00_0.npz", "panels/s00_0.png", "scores.csv"]
    assert call(*score, "--overwrite")[0] == 2
    assert contents(out) == kept


def test_a_recipe_of_someone_else_is_kept(scans: Path, small: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.toml").write_text('extends = "tiny"  # mine')
    before = contents(run)
    with pytest.raises(RunError, match="exists and is not empty"):
        scanvq.fit(scans, out=run, recipe=run / "recipe.toml", overrides=small, epochs=1, device="cpu")
    assert contents(run) == before


def test_a_failed_start_can_be_repeated(scans: Path, small: tuple[str, ...], tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(ValueError, match="nothing"):
        scanvq.fit(tmp_path / "nothing", out=run, recipe="tiny", overrides=small, epochs=1, device="cpu")
    scanvq.fit(scans, out=run, recipe="tiny", overrides=small, epochs=1, device="cpu")
    assert (run / "prior" / "best.safetensors").is_file()


def test_a_model_file_replaces_model_files_only(run: Path, tmp_path: Path) -> None:
    model, file = Model.load(run, device="cpu"), tmp_path / "model.safetensors"
    model.save(file)
    model.save(file)
    assert Model.load(file, device="cpu").id == model.id
    weights = run / "tokenizer" / "best.safetensors"
    file.write_bytes(weights.read_bytes())
    with pytest.raises(ValueError, match=r"is not replaced: .*choose another name"):
        model.save(file)
    assert file.read_bytes() == weights.read_bytes()
