"""A command under a time limit, its output kept in a log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GRACE = 5.0  # seconds between asking a command to stop and ending it
TAIL = 6000  # characters of output that are kept of a command that did not pass

Status = Literal["passed", "failed", "stopped", "not begun"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended.

    Attributes:
        status: "stopped" at its limit, "not begun" where no time was left.
        seconds: what it took.
        output: what it printed.
    """

    status: Status
    seconds: float = 0.0
    output: str = ""

    @property
    def tail(self) -> str:
        """The end of the output of a command that did not pass."""
        return "" if self.status == "passed" else self.output[-TAIL:]


def run(
    command: Sequence[str], *, limit: float, log: Path, environment: Mapping[str, str], folder: Path
) -> Outcome:
    """Runs a command to its end or its limit; processes that it started end with it.

    Args:
        command: program and arguments.
        limit: seconds; none is begun with less than one.
        log: a file that gets the output, as it comes.
        environment: its environment variables.
        folder: where it runs.
    """
    if limit < 1:
        return Outcome(status="not begun")
    begun = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            process_group=0,
        )
        try:
            status: Status = "failed" if process.wait(limit) else "passed"
        except subprocess.TimeoutExpired:
            status = "stopped"
        finally:
            _end(process)
    text = log.read_text(encoding="utf-8", errors="replace")
    return Outcome(status=status, seconds=round(time.monotonic() - begun, 1), output=text)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and what it started, which share a group of their own."""
    for one, wait in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, one)
            process.wait(wait)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def limits(shares: Mapping[str, float], name: str, left: float) -> float:
    """Seconds for a part: what is left, less what the later parts are sure of.

    Args:
        shares: part -> seconds it is sure of, in the order of the parts.
        name: the part that begins.
        left: seconds left for all parts that have not run.
    """
    names = list(shares)
    later = sum(shares[one] for one in names[names.index(name) + 1 :])
    return max(0.0, left - later)
