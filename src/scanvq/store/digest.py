"""What slices a prepared store holds, as a short text: the same for the same scans, wherever they lie."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2**20  # bytes read at once


def digest_store(
    raw: Path, index: Mapping[str, NDArray[Any]], *, shape: Sequence[int], dtype: np.dtype[Any]
) -> str:
    """20 hex digits of SHA-256 over every level, its scale, and which slice of which file it is of.

    Args:
        raw: the file of levels, which is read once.
        index: an array for each of a store's columns, of one number a slice.
        shape: (N, H, W).
        dtype: of the levels.
    """
    digest = hashlib.sha256(json.dumps([*map(int, shape), dtype.name]).encode())
    for name in sorted(index):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(index[name]).data)
    with raw.open("rb", buffering=0) as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()[:20]
