"""Resume state: everything that a training stage needs to continue exactly where it stopped."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from scanvq.storage.files import atomic_write


class ResumeError(ValueError):
    """A resume state that cannot be read."""


_DAMAGE = (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, TypeError, ValueError)


def save_resume(path: Path, state: dict[str, Any]) -> None:
    """Writes tensors and plain values atomically."""
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


def read_resume(path: Path) -> dict[str, Any] | None:
    """The saved state, or None if the file does not exist. Never runs code from the file (`weights_only`).

    Raises:
        ResumeError: a damaged file.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        message = " ".join(str(error).split())[:200]
        raise ResumeError(f"{path} cannot be read ({message}); delete it to train this stage again") from None
    if not isinstance(state, dict):
        raise ResumeError(f"{path} holds no resume state; delete it to train this stage again")
    return state
