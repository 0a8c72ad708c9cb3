"""Run directories with files that somebody else made: commands end with a sentence that names the file."""

from __future__ import annotations

import json
import random
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scanvq.comparison.compared_run import ComparedRun
from scanvq.comparison.measures import measures
from scanvq.evaluation.cost import cost_of
from scanvq.recipe.completion import complete_recipe
from scanvq.recipe.reading import recipe_text
from scanvq.report.numbers import data_facts, environment_facts
from scanvq.spec import SpecError
from scanvq.storage.files import DamagedFileError
from scanvq.storage.run_directory import RunDirectory, RunError
from tests.faults.commands import command
from tests.faults.conftest import Reference
from tests.faults.hostile import SPECIAL, all_changes, damage
from tests.faults.sizes import counting, record, size
from tests.faults.test_write_faults import copy_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs processes of Linux"),
]

RESUME = ("fit", "--resume", "--epochs", "2", "--device", "cpu", "--no-sample-scores", "--out", "run")
EVALUATE = ("evaluate", "run")
SAMPLE = ("sample", "run", "-n", "2", "--no-audit", "--out", "samples")
COMPARE = ("compare", "run", "run", "--out", "compared")
REPORT = ("report", "run")

READERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "recipe.toml": (EVALUATE, RESUME),
    "run.json": (EVALUATE, RESUME),
    "data.json": (EVALUATE, RESUME, COMPARE),
    "encoding.json": (RESUME,),
    "environment.json": (REPORT,),
    "metrics.json": (COMPARE, REPORT, EVALUATE),
    "test_scores.json": (REPORT,),
    "test_scores.npz": (EVALUATE,),
    "tokenizer/best.safetensors": (SAMPLE, COMPARE, RESUME),
    "prior/best.safetensors": (SAMPLE, COMPARE),
    "tokenizer/resume.pt": (RESUME,),
    "prior/resume.pt": (RESUME,),
    "tokenizer/history.json": (EVALUATE, REPORT),
    "tokenizer/progress.npz": (RESUME,),
    "codes/codes.json": (RESUME,),
    "codes/train.npz": (RESUME,),
    "codes/test.npz": (EVALUATE,),
}
"""The files of a run, and commands that read them."""

EXPENSIVE = {REPORT}


def _in_turn(number: int) -> tuple[str, tuple[str, ...]]:
    cheap = [
        (file, arguments)
        for file, readers in READERS.items()
        for arguments in readers
        if arguments not in EXPENSIVE or size(0, 1)
    ]
    return cheap[number % len(cheap)]


def _ends_well(root: Path, arguments: tuple[str, ...], file: str, told: str) -> bool:
    """Whether a command was refused; raises AssertionError for a traceback, a hang or a nameless error."""
    done = command(root, *arguments)
    about = f"{file}, {told}, {arguments}: status {done.status}\n{done.shown[-3000:]}"
    assert "Traceback" not in done.shown, about
    assert done.status in (0, 2), about
    if done.status:
        assert len(done.sentences) == 1, about
        scans = [scan.name for scan in (root / "scans").iterdir()]  # to which a possible value may not apply
        assert any(name in done.shown for name in (Path(file).name, *scans)), about
    return done.status == 2


def test_commands_on_a_run_with_a_hostile_file(reference: Reference, tmp_path: Path) -> None:
    chance = random.Random(0)
    with counting("hostile run files") as counts:
        for number in range(size(6, 500)):
            file, arguments = _in_turn(number * 7)
            root = copy_of(reference.root, tmp_path / f"run{number}", run=True)
            told = damage(root / "run" / file, chance)
            counts["refused"] += _ends_well(root, arguments, file, told)
            counts["cases"] += 1
            shutil.rmtree(root)


@pytest.mark.parametrize("kind", SPECIAL)
def test_commands_on_a_run_with_no_regular_file(kind: str, reference: Reference, tmp_path: Path) -> None:
    places = (
        [*READERS] if size(0, 1) else [["run.json", "codes/test.npz"], ["tokenizer/resume.pt"]][len(kind) % 2]
    )
    for number, file in enumerate(places):
        root = copy_of(reference.root, tmp_path / f"run{number}", run=True)
        (root / "run" / file).unlink()
        SPECIAL[kind](root / "run" / file)
        for arguments in READERS[file][:1]:
            done = command(root, *arguments)
            assert "Traceback" not in done.shown, f"{kind} as {file}, {arguments}\n{done.shown[-3000:]}"
            assert done.status in (0, 2), done.shown[-3000:]
    record(f"{kind} in the place of a run file", places=len(places))


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("place", ["recipe", "plan", "a table", "a code file", "a scan", "a mask", "a model"])
def test_other_files_that_are_no_regular_ones(
    place: str, kind: str, reference: Reference, tmp_path: Path
) -> None:
    if not size(0, 1) and (len(place) + len(kind)) % 4:
        pytest.skip("the long form has every place")
    root = copy_of(reference.root, tmp_path / "root", run=True)
    file, arguments = {
        "recipe": ("r.toml", ("fit", "scans", "--recipe", "r.toml", "--out", "new")),
        "plan": ("p.toml", ("fit", "--plan", "p.toml", "--out", "new")),
        "a table": ("scans/subjects.csv", ("data", "inspect", "scans")),
        "a code file": ("codes.npz", ("decode", "run", "codes.npz", "--out", "new")),
        "a scan": ("scans/z.png", ("data", "check", "scans", "--recipe", "smallest.toml")),
        "a mask": ("m.png", ("inpaint", "run", "scans/s00_0.png", "--mask", "m.png", "--out", "new")),
        "a model": ("m.safetensors", ("sample", "m.safetensors", "-n", "2", "--out", "new")),
    }[place]
    SPECIAL[kind](root / file)
    done = command(root, *arguments)
    assert "Traceback" not in done.shown, done.shown[-3000:]
    assert done.status in (0, 1, 2), done.shown[-3000:]
    if done.status == 2:
        assert Path(file).name in done.shown, done.shown[-3000:]


@pytest.mark.parametrize("recipe", ["tiny", "hipmri-vqvae2", "maskgit"])
def test_every_change_of_a_recipe_is_a_sentence_or_does_no_harm(recipe: str) -> None:
    table = tomllib.loads(recipe_text(recipe))
    refused = 0
    for _, changed in all_changes(table):
        if isinstance(changed, dict):  # as every TOML file is
            try:
                complete_recipe(changed)
            except SpecError:
                refused += 1
    assert refused > 100


def _use(run: RunDirectory) -> None:
    """Everything that reads JSON files without weights or scans."""
    compared = ComparedRun.read(run.path)
    for measure in measures([compared]):
        measure.read(compared)
    cost_of(run)
    data_facts(run.read(run.data))
    environment_facts(run.read(run.environment))


@pytest.mark.parametrize(
    "name", ["metrics.json", "data.json", "tokenizer/history.json", "environment.json", "audit.json"]
)
def test_every_change_of_a_record_is_a_sentence_or_does_no_harm(
    name: str, reference: Reference, tmp_path: Path
) -> None:
    shutil.copytree(reference.root / "run", tmp_path / "run")
    run = RunDirectory(tmp_path / "run")
    if name == "audit.json":
        run.write(run.audit, AUDIT)
    _use(run)
    file = run.path / name
    whole: Any = json.loads(file.read_text(encoding="utf-8"))
    changes = list(all_changes(whole))
    chosen = random.Random(0).sample(changes, min(len(changes), size(150, 10_000)))
    sentences: list[tuple[str, str]] = []
    for told, value in chosen:
        file.write_text(json.dumps(value), encoding="utf-8")
        try:
            _use(run)
        except (DamagedFileError, RunError) as error:
            sentences.append((told, str(error)))
        except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
            pytest.fail(f"{name}: {told} gives {type(error).__name__}: {error}")
    for told, sentence in sentences:
        assert file.name in sentence, told
        assert "\n" not in sentence, told
    record(f"changes of {name}", changes=len(chosen), refused=len(sentences))
    assert len(sentences) > len(chosen) // 10


AUDIT = {
    "rate": {"value": 0.0, "low": 0.0, "high": 0.1},
    "source": {"images": "samples of the run, seed 0", "digest": "0"},
    "complete": True,
    "training_people": 9,
    "samples": [{"file": "sample_000", "nearest": "s00_0.png", "p": 0.5, "copy": False}],
}
