"""Lock of a run directory, so that only one process at a time trains a run."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from scanvq.storage.run_directory import RunDirectory, RunError


@contextmanager
def lock_run(run: RunDirectory) -> Iterator[None]:
    """Holds the lock of a run inside the block; the system releases it when the process ends in any way.

    Raises:
        RunError: another process holds it.
    """
    run.path.mkdir(parents=True, exist_ok=True)
    owner = run.lock.with_name(run.lock.name + "-owner")
    lock = FileLock(run.lock, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        named = owner.read_text(encoding="utf-8") if owner.is_file() else "another process"
        raise RunError(
            f"{run.path} is being trained by {named}; wait until it ends or stop it, or choose another --out"
        ) from None
    try:
        owner.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()
