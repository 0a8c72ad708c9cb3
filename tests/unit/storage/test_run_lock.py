"""Lock of a run directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scanvq.storage.run_directory import RunDirectory, RunError
from scanvq.storage.run_lock import lock_run

HOLD = """
import sys
from pathlib import Path
from scanvq.storage.run_directory import RunDirectory
from scanvq.storage.run_lock import lock_run
with lock_run(RunDirectory(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_held_lock_is_refused_and_a_killed_process_releases_it(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"is being trained by process {process.pid} on"), lock_run(run):
            pass
        process.kill()
    with lock_run(run):
        pass


def test_runs_beside_each_other_are_locked_separately(tmp_path: Path) -> None:
    with lock_run(RunDirectory(tmp_path / "one")), lock_run(RunDirectory(tmp_path / "two")):
        pass
