"""Writes that fail, and processes that are killed: one sentence, and continued they give the same run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from pathlib import Path

import pytest

from scanvq.storage.files import TEMPORARY_PREFIX
from tests.faults.commands import Done, command, killed
from tests.faults.conftest import Reference, fit_arguments
from tests.faults.equality import require_equal_folders, require_equal_runs, require_no_leftovers
from tests.faults.layer import KINDS, Fault, Kind
from tests.faults.sizes import record, size

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs signals and limits of Linux"),
]

A_RUN = 10  # faults that a run meets before it may end
SAMPLE = ("sample", "run", "-n", "3", "--no-audit", "--out", "samples")
CODES = ("encode", "run", "scans", "--out", "codes.npz")


def require_a_sentence(done: Done, fault: Fault) -> None:
    """Raises AssertionError if a command that met a fault did not end as documented."""
    told = f"{fault} at {done.hit!r}: status {done.status}\n{done.shown[-3000:]}"
    assert "Traceback" not in done.shown, told
    if fault.kind == "kill":
        assert done.status == -signal.SIGKILL, told
    elif done.status:
        assert done.status == 2, told
        assert len(done.sentences) == 1, told


def copy_of(root: Path, target: Path, *, run: bool) -> Path:
    """A folder with the same scans, and the same run and cache if asked for."""
    target.mkdir()
    for name in ("scans", "run", "cache") if run else ("scans",):
        shutil.copytree(root / name, target / name)
    shutil.copy(root / "smallest.toml", target)
    return target


def drawn(kind: Kind, writes: int, chance: random.Random) -> Fault:
    return Fault(kind, chance.randint(1, writes), rest=chance.choice([0, 1, 100, 600, 5000]))


def disturbed_fit(reference: Reference, root: Path, seed: int, faults: int) -> tuple[int, set[str]]:
    """Fits with faults until they are over, and once more. Returns how many it met, and where."""
    chance, met, places = random.Random(seed), 0, set()
    writes = reference.writes["fit"]
    for turn in range(faults):
        fault = drawn(KINDS[(seed + turn) % len(KINDS)], max(2, writes), chance)
        done = command(root, *fit_arguments(root), fault=fault)
        require_a_sentence(done, fault)
        if done.status == -signal.SIGKILL or done.hit:
            met += 1
            places.add(f"{fault.kind} {done.hit.split('.writing-')[0]}")
        elif done.status == 0:  # it has ended before its fault
            break
        writes = max(2, reference.writes["fit"] - 8 * (turn + 1))
    done = command(root, *fit_arguments(root))
    assert done.status == 0, done.shown[-3000:]
    require_equal_runs(root / "run", reference.root / "run")
    return met, places


def test_a_fit_whose_writes_fail_is_continued_to_the_same_run(reference: Reference, tmp_path: Path) -> None:
    wanted, met, runs = size(5, 800), 0, 0
    while met < wanted:
        root = copy_of(reference.root, tmp_path / f"run{runs}", run=False)
        found, _ = disturbed_fit(reference, root, runs, min(A_RUN, max(2, wanted - met)))
        met, runs = met + found, runs + 1
        shutil.rmtree(root)
    record("write faults of fit", faults=met, runs=runs, lost=0)


@pytest.mark.parametrize("name", ["sample", "evaluate"])
def test_outputs_whose_writes_fail_are_made_by_the_next_call(
    name: str, reference: Reference, tmp_path: Path
) -> None:
    root = copy_of(reference.root, tmp_path / "root", run=True)
    arguments = SAMPLE if name == "sample" else ("evaluate", "run")
    chance, writes, met = random.Random(0), reference.writes[name], 0
    for turn in range(size(len(KINDS), 100)):
        fault = Fault(KINDS[turn % len(KINDS)], 1 + chance.randrange(writes), rest=chance.choice([0, 1, 300]))
        done = command(root, *arguments, fault=fault)
        require_a_sentence(done, fault)
        met += bool(done.hit) or done.status < 0
        for left in root.rglob(f"{TEMPORARY_PREFIX}*"):
            os.utime(left, (0, 0))  # an hour later
        done = _again(root, arguments)
        assert done.status == 0, done.shown[-3000:]
        require_no_leftovers(root / "run")
        if name == "sample":
            require_equal_folders(root / "samples", reference.root / "samples")
            shutil.rmtree(root / "samples")
    require_equal_runs(root / "run", reference.root / "run")
    record(f"write faults of {name}", faults=met, lost=0)


def _again(root: Path, arguments: tuple[str, ...]) -> Done:
    done = command(root, *arguments)
    return command(root, *arguments, "--overwrite") if "--overwrite" in done.shown and done.status else done


def test_a_fit_that_is_killed_at_any_moment_is_continued_to_the_same_run(
    reference: Reference, tmp_path: Path
) -> None:
    chance, wanted, met, runs = random.Random(1), size(2, 150), 0, 0
    while met < wanted:
        root = copy_of(reference.root, tmp_path / f"run{runs}", run=False)
        for _ in range(min(5, wanted - met)):
            done = killed(root, *fit_arguments(root), after=chance.uniform(0, reference.seconds))
            if done.status == 0:
                break
            assert done.status == -signal.SIGKILL, done.shown
            met += 1
        done = command(root, *fit_arguments(root))
        assert done.status == 0, done.shown[-3000:]
        require_equal_runs(root / "run", reference.root / "run")
        shutil.rmtree(root)
        runs += 1
    record("kills of fit", kills=met, runs=runs, lost=0)


def test_a_disk_that_is_full_after_any_size_gives_the_sentence(reference: Reference, tmp_path: Path) -> None:
    """Every file may grow to a size, in 20 steps up to the largest file of the run."""
    largest = max(path.stat().st_size for path in (reference.root / "run").rglob("*"))
    sizes, refused = size(2, 20), 0
    for step in range(sizes):
        root = copy_of(reference.root, tmp_path / f"full{step}", run=False)
        fault = Fault("short", 1, rest=round(largest * step / sizes))
        done = command(root, *fit_arguments(root), fault=fault)
        require_a_sentence(done, fault)
        assert "no space left" in done.shown, done.shown[-3000:]
        refused += 1
        done = command(root, *fit_arguments(root))
        assert done.status == 0, done.shown[-3000:]
        require_equal_runs(root / "run", reference.root / "run")
        shutil.rmtree(root)
    record("disk full", sizes=refused, largest=largest, lost=0)
