"""Weights files: tensors and header are read as written; damaged or foreign headers are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from scanvq.storage.weights import (
    FORMAT_VERSION,
    Header,
    WeightsError,
    content_id,
    read_header,
    read_weights,
    save_weights,
)

SPEC = {"kind": "vqvae", "channels": [4, 8]}


class Part(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)
        self.register_buffer("steps", torch.tensor(3))


class TokenizerHeader(Header):
    role: Literal["tokenizer"] = "tokenizer"
    labels: tuple[str, ...] = ()


class PriorHeader(Header):
    role: Literal["prior"] = "prior"


def header_of(part: nn.Module) -> TokenizerHeader:
    return TokenizerHeader(id=content_id(SPEC, part.state_dict()), labels=("AD", "NC"))


def test_saved_and_read_weights_are_equal(tmp_path: Path) -> None:
    part = Part().to(memory_format=torch.channels_last)
    save_weights(tmp_path / "a.safetensors", part.state_dict(), header_of(part))
    weights = read_weights(tmp_path / "a.safetensors", TokenizerHeader)
    assert weights.header == header_of(part) == read_header(tmp_path / "a.safetensors", TokenizerHeader)
    assert weights.header.format_version == FORMAT_VERSION
    assert weights.tensors.keys() == part.state_dict().keys()
    assert all(torch.equal(value, weights.tensors[name]) for name, value in part.state_dict().items())


def test_the_id_changes_with_the_spec_and_any_weight() -> None:
    tensors = {"a": torch.zeros(3), "b": torch.zeros(2, 2)}
    first = content_id(SPEC, tensors)
    assert first == content_id(dict(reversed(SPEC.items())), dict(reversed(tensors.items())))
    assert first != content_id({**SPEC, "channels": [4, 9]}, tensors)
    assert first != content_id(SPEC, {**tensors, "b": torch.tensor([[0.0, 0.0], [0.0, 1e-30]])})


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(WeightsError, match=r"no tokenizer at .*a\.safetensors; train it"):
        read_weights(path, TokenizerHeader)
    path.write_bytes(b"not safetensors at all")
    with pytest.raises(WeightsError, match="not a complete safetensors file"):
        read_weights(path, TokenizerHeader)
    save_weights(path, Part().state_dict(), header_of(Part()))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(WeightsError, match="not a complete safetensors file"):
        read_weights(path, TokenizerHeader)


def test_another_role_is_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "a.safetensors", Part().state_dict(), header_of(Part()))
    with pytest.raises(WeightsError, match="holds a tokenizer, not a prior"):
        read_weights(tmp_path / "a.safetensors", PriorHeader)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "not written by ScanVQ"),
        ({"scanvq": "{"}, "damaged header"),
        ({"scanvq": "[]"}, "damaged header"),
        ({"scanvq": json.dumps({"format_version": 2})}, "damaged header"),
        ({"scanvq": json.dumps({"format_version": "2", "role": "tokenizer"})}, "damaged header"),
        ({"scanvq": "[" * 200_000}, "damaged header"),
        ({"scanvq": json.dumps({"format_version": 2, "role": "tokenizer"})}, r"damaged header.*\(id: "),
        (
            {"scanvq": json.dumps({"format_version": 2, "role": "tokenizer", "id": "0", "labels": None})},
            r"damaged header.*\(labels: ",
        ),
        (
            {"scanvq": json.dumps({"format_version": 1, "role": "tokenizer", "id": "0", "spec": {}})},
            r"was made by an older ScanVQ \(format 1\): train again",
        ),
        (
            {"scanvq": json.dumps({"format_version": 99, "role": "tokenizer", "id": "0", "spec": {}})},
            r"newer ScanVQ \(format 99\)",
        ),
    ],
)
def test_a_damaged_or_foreign_header_is_refused(
    tmp_path: Path, metadata: dict[str, str], message: str
) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(WeightsError, match=message):
        read_weights(path, TokenizerHeader)
