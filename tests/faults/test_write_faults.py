"""Writes that fail, and processes that are killed: one sentence, and continued they give the same run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from scanvq.storage.files import TEMPORARY_PREFIX
from tests.faults.commands import Done, command, killed
from tests.faults.conftest import Reference, fit_arguments
from tests.faults.equality import require_equal_folders, require_equal_runs, require_no_leftovers
from tests.faults.layer import KINDS, Fault, Kind
from tests.faults.sizes import counting, size

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
        assert done.status in (0, -signal.SIGKILL), told  # 0: it ended before that write
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


def disturbed_fit(reference: Reference, root: Path, seed: int, faults: int, counts: Counter[str]) -> None:
    """Fits with faults until they are over, and once more, to the run of the reference."""
    chance, writes = random.Random(seed), reference.writes["fit"]
    for turn in range(faults):
        fault = drawn(KINDS[(seed + turn) % len(KINDS)], max(2, writes - 8 * turn), chance)
        done = command(root, *fit_arguments(root), fault=fault)
        require_a_sentence(done, fault)
        if done.status == -signal.SIGKILL or done.hit:
            counts["faults"] += 1
            counts[fault.kind] += 1
        elif done.status == 0:  # it has ended before its fault
            break
    require_the_reference(reference, root)
    counts["runs"] += 1


def require_the_reference(reference: Reference, root: Path) -> None:
    """Continues a run to its end; raises AssertionError if it is not that of the reference."""
    done = command(root, *fit_arguments(root))
    assert done.status == 0, done.shown[-3000:]
    require_equal_runs(root / "run", reference.root / "run")


def test_a_fit_whose_writes_fail_is_continued_to_the_same_run(reference: Reference, tmp_path: Path) -> None:
    wanted = size(5, 800)
    with counting("write faults of fit") as counts:
        while counts["faults"] < wanted:
            root = copy_of(reference.root, tmp_path / f"run{counts['runs']}", run=False)
            left = wanted - counts["faults"]
            disturbed_fit(reference, root, counts["runs"], min(A_RUN, max(2, left)), counts)
            shutil.rmtree(root)


@pytest.mark.parametrize("name", ["sample", "evaluate"])
def test_outputs_whose_writes_fail_are_made_by_the_next_call(
    name: str, reference: Reference, tmp_path: Path
) -> None:
    root = copy_of(reference.root, tmp_path / "root", run=True)
    arguments = SAMPLE if name == "sample" else ("evaluate", "run")
    chance, writes = random.Random(0), reference.writes[name]
    with counting(f"write faults of {name}") as counts:
        for turn in range(size(3, 100)):
            fault = Fault(
                KINDS[turn % len(KINDS)], 1 + chance.randrange(writes), rest=chance.choice([0, 1, 300])
            )
            done = command(root, *arguments, fault=fault)
            require_a_sentence(done, fault)
            counts["faults"] += bool(done.hit) or done.status < 0
            for left in root.rglob(f"{TEMPORARY_PREFIX}*"):
                os.utime(left, (0, 0))  # an hour later
            done = _again(root, arguments)
            assert done.status == 0, done.shown[-3000:]
            require_no_leftovers(root / "run")
            if name == "sample":
                require_equal_folders(root / "samples", reference.root / "samples")
                shutil.rmtree(root / "samples")
    require_equal_runs(root / "run", reference.root / "run")


def _again(root: Path, arguments: tuple[str, ...]) -> Done:
    done = command(root, *arguments)
    return command(root, *arguments, "--overwrite") if "--overwrite" in done.shown and done.status else done


def test_a_fit_that_is_killed_at_any_moment_is_continued_to_the_same_run(
    reference: Reference, tmp_path: Path
) -> None:
    chance, wanted = random.Random(1), size(2, 150)
    with counting("kills of fit") as counts:
        while counts["kills"] < wanted:
            root = copy_of(reference.root, tmp_path / f"run{counts['runs']}", run=False)
            for _ in range(min(5, wanted - counts["kills"])):
                done = killed(root, *fit_arguments(root), after=chance.uniform(0, reference.seconds))
                if done.status == 0:
                    break
                assert done.status == -signal.SIGKILL, done.shown
                counts["kills"] += 1
            require_the_reference(reference, root)
            shutil.rmtree(root)
            counts["runs"] += 1


def test_a_disk_that_is_full_after_any_size_gives_the_sentence(reference: Reference, tmp_path: Path) -> None:
    """Every file may grow to a size, in steps up to the largest file of the run."""
    largest = max(path.stat().st_size for path in (reference.root / "run").rglob("*"))
    sizes = size(1, 20)
    with counting("disk full") as counts:
        for step in range(sizes):
            root = copy_of(reference.root, tmp_path / f"full{step}", run=False)
            fault = Fault("short", 1, rest=round(largest * step / sizes))
            done = command(root, *fit_arguments(root), fault=fault)
            require_a_sentence(done, fault)
            assert "no space left" in done.shown, done.shown[-3000:]
            require_the_reference(reference, root)
            shutil.rmtree(root)
            counts["sizes"] += 1
