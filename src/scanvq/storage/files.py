"""Atomic file writes: write to a temporary file, fsync, rename."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError

from scanvq.storage.regular_file import open_regular

TEMPORARY_PREFIX = ".writing-"

# What PyTorch says of any failed write.
_FAILED_WRITES = ("PytorchStreamWriter failed", "inline_container", "iostream error")

Value = TypeVar("Value")


class DamagedFileError(ValueError):
    """A file that ScanVQ wrote and that does not hold what it must."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which is renamed to `path` if the block raises nothing.

    The temporary name keeps the suffixes, because some writers choose the format by them. After a crash the
    old file is unchanged.

    Raises:
        OSError: ENOSPC, in one sentence, if the disk is full, whichever library was writing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{''.join(path.suffixes[-2:])}"
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError, SafetensorError) as error:
        number = _error_number(error)
        if number in _FULL:
            raise OSError(errno.ENOSPC, _full_disk(path.name), str(path)) from None
        if number is None or isinstance(error, OSError):
            raise
        raise OSError(number, os.strerror(number), str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)


def system_error_text(error: OSError) -> str:
    """An error of the operating system as one sentence, for the terminal."""
    reason, file = error.strerror, error.filename
    if reason is None:  # raised with a message of its own
        return str(error)
    if error.errno in _FULL:
        return reason if reason.startswith(_NO_SPACE) else _full_disk(str(file or "a file"))
    return reason if file is None else f"{os.fsdecode(file)}: {reason}"


_NO_SPACE = "no space left"


def _full_disk(name: str) -> str:
    return (
        f"{_NO_SPACE} on the disk to write {name}; earlier files are complete. Free some space, then run the "
        "command again (fit: with --resume)"
    )


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk, a quota and a limit on the size of files."""


def _error_number(error: Exception) -> int | None:
    """That of the system; PyTorch and safetensors have it in their message at most. None for other errors."""
    if isinstance(error, OSError):
        return error.errno
    if isinstance(error, SafetensorError):
        found = re.search(r"os error (\d+)", str(error))
        return None if found is None else int(found[1])
    return errno.ENOSPC if any(part in str(error) for part in _FAILED_WRITES) else None


def remove_temporary_files(folder: Path, *, older_than: float = 0.0) -> None:
    """Removes the temporary files of killed processes anywhere in `folder`.

    Args:
        folder: where to look.
        older_than: seconds since their last change, where another process may be writing now.
    """
    newest = time.time() - older_than
    for temporary in folder.rglob(f"{TEMPORARY_PREFIX}*"):
        with suppress(FileNotFoundError):  # another process has written or removed it
            if temporary.stat().st_mtime <= newest:
                temporary.unlink()


def write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        # Bytes of file names that are no text become \udcXX, which JSON reads back.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_bytes(path: Path, data: bytes) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The value of a JSON file.

    Raises:
        DamagedFileError: it holds no value. OSError: no such file, or no regular file.
    """
    try:
        with open_regular(path) as file:
            return json.loads(file.read().decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also bytes that are no text
        reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise DamagedFileError(f"{path} is damaged ({reason}); restore it, or make it again") from None


@contextmanager
def reading_field(path: Path, field: str) -> Iterator[None]:
    """Inside the block, what a value of a file cannot be made into is a DamagedFileError with its field."""
    try:
        yield
    except ValidationError as error:
        inner, reason = _first(error)
        raise DamagedFileError(f"{path} is damaged ({field}.{inner}: {reason}); restore it") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedFileError(f"{path} is damaged ({field}: {error}); restore it") from None


def validated(path: Path, value: Any, expected: type[Value]) -> Value:
    """A value of a file, checked against the type that it must have.

    Args:
        path: for messages.
        value: the value.
        expected: a dataclass or a pydantic model.

    Raises:
        DamagedFileError: the message names the file and the field.
    """
    try:
        return TypeAdapter(expected).validate_python(value)
    except (RecursionError, OverflowError) as error:
        raise DamagedFileError(f"{path} is damaged ({type(error).__name__}: {error}); restore it") from None
    except ValidationError as error:
        field, reason = _first(error)
        raise DamagedFileError(f"{path} is damaged ({field}: {reason}); restore it") from None


def _first(error: ValidationError) -> tuple[str, str]:
    """The field of the first thing that is wrong, and the reason."""
    first = error.errors()[0]
    return ".".join(map(str, first["loc"]))[:200] or "its value", first["msg"]
