"""Opening of files and bounds on memory, before anything is read: what every reader goes through."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from scanvq.imaging.display import display_name
from scanvq.storage import regular_file

MOST_DEFLATED = 1032
"""Bytes that a byte of deflate data (gzip, zip, PNG) holds at most."""
_MEMORY = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


class UnreadableScan(ValueError):  # noqa: N818 - named for the user
    """A file that cannot be used, with a short reason meant for the user."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path, reason)  # both in args, so that it survives a process pool
        self.path = Path(path)
        self.reason = display_name(reason)

    def __str__(self) -> str:
        return f"{display_name(self.path)}: {self.reason}"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Converts whatever a reader raises for a file to UnreadableScan, in this one place."""
    try:
        yield
    except UnreadableScan:
        raise
    except MemoryError:
        raise UnreadableScan(path, "too large for the memory of this machine") from None
    except Exception as error:  # damaged files reach into libraries that may raise anything
        message = " ".join(str(error).split())[:120]
        raise UnreadableScan(path, f"damaged ({type(error).__name__}: {message})") from error


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Opens a regular file to read. Raises UnreadableScan for others: a pipe would wait forever for data."""
    with ExitStack() as opened:
        try:
            file = opened.enter_context(regular_file.open_regular(path))
        except FileNotFoundError:
            raise UnreadableScan(path, "no such file") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UnreadableScan(path, f"cannot be opened: {reason}") from None
        yield file


def read_bytes(path: Path, count: int = -1) -> bytes:
    """The first `count` bytes of a regular file (-1 = all). Raises UnreadableScan."""
    path = Path(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        check_memory(path, size if count < 0 else min(size, count))
        try:
            data = file.read(count)
        except OSError as error:
            raise UnreadableScan(path, f"cannot be read: {error.strerror or error}") from None
    if not data:
        raise UnreadableScan(path, "empty file (0 bytes)")
    return data


def check_memory(path: Path, needed: int) -> None:
    """Raises UnreadableScan if more bytes are needed than are free, before they are taken."""
    if needed > 2**26 and needed > (free := free_memory()):
        raise UnreadableScan(
            path, f"needs {needed / 2**30:.1f} GiB of memory, but {free / 2**30:.1f} GiB are free"
        )


def check_deflated(path: Path, claimed: int, compressed: int) -> None:
    """Raises UnreadableScan if compressed bytes cannot hold as many as a header claims."""
    if claimed > MOST_DEFLATED * compressed + 2**16:
        raise UnreadableScan(
            path, f"truncated: it claims {claimed:,} bytes, more than {compressed:,} compressed bytes hold"
        )


def free_memory() -> int:
    """Bytes that this process can take: of the machine, its control group and its own limit."""
    bounds = [2**62]
    try:
        available = next(line for line in _MEMORY.read_text().splitlines() if line.startswith("MemAvailable"))
        bounds.append(int(available.split()[1]) * 1024)
    except (OSError, StopIteration, ValueError, IndexError):  # another system
        pass
    try:
        most, used = (int((_GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        bounds.append(max(0, most - used) + _reclaimable())
    except (OSError, ValueError):  # no control group, or no limit
        pass
    try:
        import resource
    except ImportError:
        return min(bounds)
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        bounds.append(max(0, soft - _mapped()))
    return min(bounds)


def _reclaimable() -> int:
    """Bytes of file cache in the control group, which the system gives back."""
    lines = (_GROUP / "memory.stat").read_text().splitlines()
    values = dict(line.split() for line in lines)
    return int(values.get("inactive_file", 0)) + int(values.get("active_file", 0))


def _mapped() -> int:
    """Bytes of address space in use."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
