"""What a file needs beside its pixels to be written again, packed into bytes."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scanvq.codec.errors import CodecError
from scanvq.imaging.formats import PLANES

_MOST_BYTES = 2**28

_ALLOWED: Mapping[str, Callable[[Any], bool]] = {  # of PNG, then of NIfTI
    "mode": lambda value: value in ("1", "L", "I;16", "P", "LA", "RGB", "RGBA"),
    "alpha": lambda value: isinstance(value, np.ndarray) and value.ndim == 2,
    "exif": lambda value: isinstance(value, bytes),
    "dpi": lambda value: isinstance(value, tuple) and len(value) == 2 and 0 <= min(value) <= max(value) < 1e9,
    "head": lambda value: isinstance(value, bytes),
    "plane": lambda value: value in PLANES,
}


def pack_properties(properties: Mapping[str, Any]) -> bytes:
    """Properties of texts, bytes, bytes arrays and tuples of numbers; nothing for no properties.

    Raises:
        TypeError: a property of another type.
    """
    if not properties:
        return b""
    document = {name: _packed(value) for name, value in properties.items()}
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 9)


def unpack_properties(packed: bytes) -> dict[str, Any]:
    """The properties that were packed.

    Raises:
        CodecError: other bytes.
    """
    if not packed:
        return {}
    try:
        stream = zlib.decompressobj()
        text = stream.decompress(packed, _MOST_BYTES)
        document = json.loads(text)
        properties = {name: _unpacked(value) for name, value in document.items()}
        if not all(_ALLOWED[name](value) for name, value in properties.items()):
            raise ValueError("a property of another type")
        return properties
    except (zlib.error, ValueError, AttributeError, KeyError, TypeError):
        raise CodecError("its header describes no scan") from None


def _packed(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        return {"bytes": value.tobytes().decode("latin-1"), "shape": value.shape}
    if isinstance(value, tuple):
        return [float(number) for number in value]
    raise TypeError(f"the codec cannot keep a property of type {type(value).__name__}")


def _unpacked(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return tuple(float(number) for number in value)
    content = value["bytes"].encode("latin-1")
    if "shape" not in value:
        return content
    shape = tuple(int(length) for length in value["shape"])
    if math.prod(shape) != len(content) or min(shape, default=0) < 1:
        raise ValueError("an array of another size")
    return np.frombuffer(content, np.uint8).reshape(shape)
