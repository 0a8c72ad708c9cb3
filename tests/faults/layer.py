"""A file layer that fails at the n-th write below a folder: a full, defective or read-only disk, or a kill.

Every open for writing, rename, truncation, new folder and fsync of Python code is a write. PyTorch and
safetensors write by themselves; their writes lie between an open and an fsync of `atomic_write`, and meet the
limit on the size of files of the fault "short".
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["ENOSPC", "EIO", "EROFS", "short", "kill"]
KINDS: tuple[Kind, ...] = ("ENOSPC", "EIO", "EROFS", "short", "kill")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATH_OF = {"open": 0, "os.rename": 1, "os.truncate": 0, "os.mkdir": 0}


@dataclass(frozen=True)
class Fault:
    """A fault at a write.

    Attributes:
        kind: ENOSPC and EROFS last from this write on, as a full and a read-only disk do; EIO happens once;
            "short" ends every later write after `rest` bytes of its file; "kill" is SIGKILL.
        write: its number, from 1; 0 = never.
        rest: bytes, of "short".
    """

    kind: Kind
    write: int
    rest: int = 0


class FileLayer:
    """Counts the writes below a folder in this process, and fails at one of them. Stays for good."""

    def __init__(self, root: Path, fault: Fault | None) -> None:
        self.root, self.fault = str(root), fault
        self.writes, self.hit = 0, ""
        self._sync = os.fsync
        sys.addaudithook(self._audit)
        os.fsync = self._fsync

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        position = _PATH_OF.get(event)
        if position is None or (event == "open" and not (arguments[2] or 0) & _WRITING):
            return
        path = arguments[position]
        if not isinstance(path, (str, bytes)):
            return
        name = os.fsdecode(path)
        if name.startswith(self.root):
            self._write(f"{event} {os.path.relpath(name, self.root)}", name)

    def _fsync(self, descriptor: int) -> None:
        self._write("fsync", "", descriptor)
        self._sync(descriptor)

    def _write(self, what: str, path: str, descriptor: int | None = None) -> None:
        self.writes += 1
        fault = self.fault
        if fault is None or not fault.write or self.writes < fault.write:
            return
        if self.hit and fault.kind in ("EIO", "short"):
            return
        self.hit = self.hit or what
        if fault.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.kind == "short":
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (fault.rest, hard))
            return
        if descriptor is not None:  # what was written did not reach the disk
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        number = getattr(errno, fault.kind)
        raise OSError(number, os.strerror(number), path or None)
