"""Resume state: everything that a training stage needs to continue exactly where it stopped."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from scanvq.storage.files import DamagedFileError, atomic_write, validated
from scanvq.storage.regular_file import open_regular


class ResumeError(ValueError):
    """A resume state that cannot be read."""


State = TypeVar("State")

REMEDY = "delete it to train this stage again"
_DAMAGE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def save_resume(path: Path, state: dict[str, Any]) -> None:
    """Writes tensors and plain values atomically."""
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


def read_resume(path: Path, expected: type[State]) -> State | None:
    """The saved state, or None if the file does not exist. Never runs code from the file (`weights_only`).

    Args:
        path: of the file.
        expected: a dataclass, whose fields the state must have.

    Raises:
        ResumeError: a damaged file; the message names it and the field.
    """
    if not path.exists():
        return None
    try:
        with open_regular(path) as file:
            with zipfile.ZipFile(file) as parts:
                if damaged := parts.testzip():  # PyTorch does not compare the checksums
                    raise ValueError(f"{damaged} has another checksum")
            file.seek(0)
            state = torch.load(file, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        message = " ".join(str(error).split())[:200]
        raise ResumeError(f"{path} cannot be read ({message}); {REMEDY}") from None
    if not isinstance(state, dict):
        raise ResumeError(f"{path} holds no resume state; {REMEDY}")
    try:
        return validated(path, state, expected)
    except DamagedFileError as error:
        raise ResumeError(f"{error}, or {REMEDY}") from None


@contextmanager
def fitting_state(path: Path) -> Iterator[None]:
    """Inside the block, a state that does not fit its module or optimizer is a ResumeError."""
    try:
        yield
    except _DAMAGE as error:
        message = " ".join(str(error).split())[:200]
        raise ResumeError(f"{path} does not fit this run ({message}); {REMEDY}") from None
