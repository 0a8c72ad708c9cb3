"""The header of a compressed stream: model, geometry, units and file header of the scan, and checksums.

```
"SVQ" version | model 8 | fields | checksum of all before 4 | checksum of the payload 4 | payload
```
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scanvq.codec.byte_fields import FieldReader, FieldWriter
from scanvq.codec.errors import CodecError
from scanvq.imaging.formats import Spacing
from scanvq.imaging.formats.format import PIXEL_LIMIT

MAGIC, VERSION = b"SVQ", 1
MODEL_BYTES = 8
_DTYPES = ("uint8", "uint16", "int16", "int32", "float32")
_KINDS: tuple[Literal["png", "nifti"], ...] = ("png", "nifti")
_SPACING, _SYNTHETIC, _RESIDUAL = 1, 2, 4
_CHECKSUM = 4

Kind = Literal["png", "nifti"]


@dataclass(frozen=True, kw_only=True)
class StreamHeader:
    """What a stream says of its scan.

    Attributes:
        model: digest of tokenizer and prior, 8 bytes.
        kind: of the file to write.
        shape: (S, H, W) of the slices.
        dtype: of the pixels.
        low: lowest pixel of the scan.
        high: highest pixel of the scan.
        spacing: millimeters between rows and between columns; None if the file has no pixel spacing.
        synthetic: whether the scan was marked as synthetic itself.
        max_error: the largest difference of a decoded voxel in the units of the file; None = codes only.
        properties: packed properties of the scan, see `pack_properties`.
    """

    model: bytes
    kind: Kind
    shape: tuple[int, int, int]
    dtype: str
    low: float
    high: float
    spacing: Spacing | None = None
    synthetic: bool = False
    max_error: float | None = None
    properties: bytes = b""


def write_stream(header: StreamHeader, payload: bytes) -> bytes:
    """All bytes of a stream."""
    fields = FieldWriter()
    fields.data += MAGIC + bytes([VERSION]) + header.model
    flags = _SPACING * (header.spacing is not None) | _SYNTHETIC * header.synthetic
    flags |= _RESIDUAL * (header.max_error is not None)
    fields.data.append(_KINDS.index(header.kind) | _DTYPES.index(header.dtype) << 1 | flags << 4)
    for length in header.shape:
        fields.count(length)
    for value in (header.low, header.high):
        fields.real(value) if header.dtype == "float32" else fields.whole(int(value))
    for distance in header.spacing or ():
        fields.real(distance)
    if header.max_error is not None:
        fields.real(header.max_error)
    fields.blob(header.properties)
    fields.data += zlib.crc32(fields.data).to_bytes(_CHECKSUM, "little")
    fields.data += zlib.crc32(payload).to_bytes(_CHECKSUM, "little")
    return bytes(fields.data) + payload


def read_stream(data: bytes) -> tuple[StreamHeader, bytes]:
    """The header and the payload of a stream; both checksums are right.

    Raises:
        CodecError: no stream, another version, or a damaged or cut stream.
    """
    fields = FieldReader(data)
    if data[: len(MAGIC)] != MAGIC:
        raise CodecError("it is not a stream of `scanvq compress`")
    fields.take(len(MAGIC))
    if (version := fields.take(1)[0]) != VERSION:
        raise CodecError(
            f"it is of format version {version}, or damaged; this ScanVQ reads version {VERSION}"
        )
    model, packed = fields.take(MODEL_BYTES), fields.take(1)[0]
    flags = packed >> 4
    shape = (fields.count(), fields.count(), fields.count())
    dtype = _DTYPES[min(packed >> 1 & 7, len(_DTYPES) - 1)]
    real = dtype == "float32"
    low, high = (fields.real() if real else float(fields.whole()) for _ in range(2))
    spacing = (fields.real(), fields.real()) if flags & _SPACING else None
    max_error = fields.real() if flags & _RESIDUAL else None
    properties = fields.blob()
    end = fields.at
    if fields.take(_CHECKSUM) != zlib.crc32(data[:end]).to_bytes(_CHECKSUM, "little"):
        raise CodecError("its header is damaged (the checksum differs)")
    checksum = fields.take(_CHECKSUM)
    payload = data[fields.at :]
    if checksum != zlib.crc32(payload).to_bytes(_CHECKSUM, "little"):
        raise CodecError("it is damaged or cut off (the checksum of its data differs)")
    header = StreamHeader(
        model=model,
        kind=_KINDS[packed & 1],
        shape=shape,
        dtype=dtype,
        low=low,
        high=high,
        spacing=spacing,
        synthetic=bool(flags & _SYNTHETIC),
        max_error=max_error,
        properties=properties,
    )
    _check(header, packed)
    return header, payload


def _check(header: StreamHeader, packed: int) -> None:
    """Raises CodecError for a header that no encoder writes, though its checksum is right."""
    numbers = (header.low, header.high, *(header.spacing or ()), header.max_error or 0.0)
    limits: tuple[float, float] = (-math.inf, math.inf)
    if header.dtype != "float32":
        limits = (np.iinfo(header.dtype).min, np.iinfo(header.dtype).max)
    if (
        (packed >> 1 & 7) >= len(_DTYPES)
        or min(header.shape) < 1
        or math.prod(header.shape) > PIXEL_LIMIT
        or not all(map(math.isfinite, numbers))
        or not limits[0] <= header.low <= header.high <= limits[1]
        or min(header.spacing or (1.0,)) <= 0
        or (header.max_error or 0.0) < 0
    ):
        raise CodecError("its header describes no scan")
