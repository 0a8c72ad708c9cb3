"""Weights files: safetensors whose header is JSON with everything needed to rebuild the part."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from scanvq.storage.files import whole_file

FORMAT_VERSION = 1
HEADER_KEY = "scanvq"


class WeightsError(ValueError):
    """A weights file that is missing, damaged, or not what was asked for."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A weights file's header and tensors."""

    header: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def id(self) -> str:
        return str(self.header["id"])


def save_weights(path: Path, module: nn.Module, *, role: str, spec: dict[str, Any], **facts: Any) -> str:
    """Writes a module's parameters and buffers, whole or not at all.

    Args:
        path: the file to write.
        module: the part whose state is kept.
        role: "tokenizer" or "prior".
        spec: the completed spec that rebuilds the part.
        facts: what else the header should say, JSON values only.

    Returns:
        The content id: 16 hexadecimal digits that change with the spec or any weight.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    content = content_id(spec, tensors)
    header = {"format_version": FORMAT_VERSION, "role": role, "id": content, "spec": spec, **facts}
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata={HEADER_KEY: json.dumps(header)})
    return content


def read_weights(path: Path, *, role: str) -> Weights:
    """Reads a weights file of a role. Raises WeightsError with what is wrong with which file."""
    if not path.is_file():
        raise WeightsError(f"there is no {role} at {path}; train it with `scanvq fit`")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()  # a list: the file is no mapping
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file: {error}") from None
    if HEADER_KEY not in metadata:
        raise WeightsError(f"{path} was not written by ScanVQ: its header has no {HEADER_KEY!r} entry")
    header = _header(path, metadata[HEADER_KEY])
    if header["format_version"] > FORMAT_VERSION:
        raise WeightsError(
            f"{path} was written by a newer ScanVQ (format {header['format_version']}); upgrade it"
        )
    if header["role"] != role:
        raise WeightsError(f"{path} holds a {header['role']}, not a {role}")
    return Weights(header=header, tensors=tensors)


def _header(path: Path, text: str) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(text)
        if {"format_version", "role", "id", "spec"} <= header.keys():
            return header
    except (json.JSONDecodeError, AttributeError):
        pass
    raise WeightsError(f"{path} has a damaged header; train again, or get the file anew")


def content_id(spec: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """A digest of a spec and its tensors."""
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
