"""Opening of regular files only: reading a pipe would wait forever, and a device may never end."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Opens a regular file to read.

    Raises:
        OSError: no such file, or another kind of file, which is named.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"not a regular file, but {_kind(mode)}", str(path))
        yield file


@contextmanager
def open_regular_text(path: Path) -> Iterator[TextIO]:
    """Opens a regular file of UTF-8 text to read, with its line ends; errors as of `open_regular`."""
    with open_regular(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        yield text


def _kind(mode: int) -> str:
    kinds = {
        "a folder": stat.S_ISDIR,
        "a pipe": stat.S_ISFIFO,
        "a socket": stat.S_ISSOCK,
        "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
    }
    return next((name for name, test in kinds.items() if test(mode)), "another kind of file")
