"""The package is typed: the code of a user passes mypy --strict, and a mistake in it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
USER = Path(__file__).parent / "user_code.py"


def test_user_code_passes_and_its_mistakes_do_not(tmp_path: Path) -> None:
    mistakes = tmp_path / "mistakes.py"
    mistakes.write_text(
        "import scanvq\n\n"
        'run = scanvq.load("runs/first", gpu=True)\n'
        "print(scanvq.train)\n"
        "count: str = run.samples(3).images\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", USER, mistakes],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=500,
    )
    errors = [line.partition(": error:")[0] for line in done.stdout.splitlines() if ": error:" in line]
    found = [Path(error).name for error in errors]
    assert found == ["mistakes.py:3", "mistakes.py:4", "mistakes.py:5"], done.stdout + done.stderr
