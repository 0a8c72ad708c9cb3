"""Locks of prepared stores: against two processes that build one, and against the removal of one in use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":  # which has no such locks
    import fcntl


@contextmanager
def exclusive_lock(stores: Path, name: str, *, wait: bool = True) -> Iterator[bool]:
    """Locks a store against construction or removal by other processes; yields whether the lock was acquired.

    The operating system releases the lock of a terminated process.
    """
    if sys.platform == "win32":
        yield True
        return
    path = stores / f".{name}.lock"
    while True:
        with path.open("w") as file:
            if not _locked(file.fileno(), exclusive=True, wait=wait):
                yield False
                return
            if not is_same_file(path, file.fileno()):
                continue  # the previous owner removed the file, so that others would not see this lock
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
            return


def hold_in_use(handle: int) -> None:
    """Marks an open file as in use, until it is closed or the process ends."""
    if sys.platform != "win32":
        with suppress(OSError):  # some network folders have no locks
            _locked(handle, exclusive=False, wait=True)


@contextmanager
def unused(file: Path) -> Iterator[bool]:
    """Yields whether no process has a file in use; nobody can begin to use it inside the block."""
    if sys.platform == "win32" or not file.exists():
        yield True
        return
    with file.open("rb") as opened:
        yield _locked(opened.fileno(), exclusive=True, wait=False)


def _locked(handle: int, *, exclusive: bool, wait: bool) -> bool:
    assert sys.platform != "win32"
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def is_same_file(path: Path, handle: int) -> bool:
    """Whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
