"""Digests of a prepared store: of its content, equal for equal scans; and of its header and columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2**20  # bytes per read


def digest_store(
    raw: Path, index: Mapping[str, NDArray[Any]], *, shape: Sequence[int], dtype: np.dtype[Any]
) -> str:
    """SHA-256 over all levels, scales, and slice and file indices: the first 20 hexadecimal digits.

    Args:
        raw: file of the levels, read once.
        index: the columns of the store, one number per slice; the checksums are left out.
        shape: (N, H, W).
        dtype: dtype of the levels.
    """
    digest = hashlib.sha256(json.dumps([*map(int, shape), dtype.name]).encode())
    _add(digest, {name: column for name, column in index.items() if name != "checksum"})
    with raw.open("rb", buffering=0) as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()[:20]


def digest_images(blocks: Iterable[NDArray[Any]]) -> str:
    """SHA-256 over images in native units as float32: the first 20 hexadecimal digits.

    Args:
        blocks: (B, H, W) each, in order.
    """
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(json.dumps([*map(int, block.shape[1:])]).encode())
        digest.update(np.ascontiguousarray(block, np.float32).data)
    return digest.hexdigest()[:20]


def seal_of(header: Mapping[str, Any], index: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over a header without its seal, and over all columns: the first 20 hexadecimal digits."""
    content = {name: value for name, value in header.items() if name != "seal"}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    _add(digest, index)
    return digest.hexdigest()[:20]


def _add(digest: hashlib._Hash, index: Mapping[str, NDArray[Any]]) -> None:
    for name in sorted(index):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(index[name]).data)
