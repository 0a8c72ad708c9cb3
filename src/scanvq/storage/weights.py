"""Weights files: safetensors with a typed JSON header that holds everything needed to rebuild the module."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from scanvq.storage.files import atomic_write

FORMAT_VERSION = 2
HEADER_KEY = "scanvq"
_REQUIRED = ("format_version", "role")


class WeightsError(ValueError):
    """A weights file that is missing, damaged, or of another role or format."""


class Header(BaseModel):
    """Fields of every header; each role adds its own fields.

    Attributes:
        role: "tokenizer", "prior", "decoder" or "model".
        id: 16 hexadecimal digits that change with the spec or any weight, see `content_id`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = FORMAT_VERSION
    role: str
    id: str


H = TypeVar("H", bound=Header)


@dataclass(frozen=True, kw_only=True)
class Weights(Generic[H]):
    """A weights file's header and tensors."""

    header: H
    tensors: dict[str, Tensor]


def save_weights(path: Path, tensors: Mapping[str, Tensor], header: Header) -> None:
    """Writes tensors and their header atomically."""
    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_write(path) as temporary:
        save_file(contiguous, temporary, metadata={HEADER_KEY: header.model_dump_json()})


def read_weights(path: Path, header: type[H]) -> Weights[H]:
    """Reads a weights file of one role.

    Args:
        path: the file.
        header: the expected type of header, which fixes the role.

    Raises:
        WeightsError: a missing or damaged file, another role or format; the message names file and field.
    """
    expected_role = header.model_fields["role"].default
    with _opened(path, expected_role) as file:
        names = file.keys()  # the file is not a mapping
        tensors = {name: file.get_tensor(name) for name in names}
        text = _header_text(path, file)
    return Weights(header=_header(path, text, header, expected_role), tensors=tensors)


def read_header(path: Path, header: type[H]) -> H:
    """Reads the header of a weights file without its tensors.

    Args:
        path: the file.
        header: the expected type of header, which fixes the role.

    Raises:
        WeightsError: as `read_weights`.
    """
    expected_role = header.model_fields["role"].default
    with _opened(path, expected_role) as file:
        text = _header_text(path, file)
    return _header(path, text, header, expected_role)


@contextmanager
def _opened(path: Path, role: str) -> Iterator[Any]:
    if not path.is_file():
        raise WeightsError(f"there is no {role} at {path}; train it with `scanvq fit`")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a complete safetensors file: {error}") from None


def _header_text(path: Path, file: Any) -> str:
    metadata = file.metadata() or {}
    if HEADER_KEY not in metadata:
        raise WeightsError(f"{path} was not written by ScanVQ: its header has no {HEADER_KEY!r} entry")
    return str(metadata[HEADER_KEY])


def _header(path: Path, text: str, header: type[H], expected_role: str) -> H:
    damaged = f"{path} has a damaged header; train again, or replace the file"
    try:
        stored: Any = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise WeightsError(damaged) from None
    if not isinstance(stored, dict) or not all(name in stored for name in _REQUIRED):
        raise WeightsError(damaged)
    version, role = stored["format_version"], stored["role"]
    if not isinstance(version, int) or not isinstance(role, str):
        raise WeightsError(damaged)
    if version > FORMAT_VERSION:
        raise WeightsError(f"{path} was written by a newer ScanVQ (format {version}); upgrade it")
    if version < FORMAT_VERSION:
        raise WeightsError(f"{path} was made by an older ScanVQ (format {version}): train again")
    if role != expected_role:
        raise WeightsError(f"{path} holds a {role}, not a {expected_role}")
    try:
        return header.model_validate(stored)
    except (RecursionError, OverflowError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{damaged} ({type(error).__name__}: {error})") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise WeightsError(f"{damaged} ({field}: {first['msg']})") from None


def content_id(spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """A digest of a spec and its tensors: 16 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        values = tensors[name].detach().cpu().contiguous()
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
