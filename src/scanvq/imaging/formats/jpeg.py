"""JPEG: gray, or colors that are really gray."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from scanvq.imaging.formats.format import (
    Format,
    Header,
    Plane,
    Provenance,
    Scan,
    UnreadableScan,
    as_type,
    read_bytes,
    write_bytes,
)
from scanvq.imaging.formats.pixels import check_size, decode, gray, one_slice

_QUALITY = 95
_TOLERANCE = 10  # gray saved as color with loss comes back slightly tinted
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers with no length after them


class Jpeg(Format):
    """One slice of 8 bits. `properties`: Pillow's mode, L or RGB."""

    suffixes: ClassVar[tuple[str, ...]] = (".jpg", ".jpeg")

    def header(self, path: Path, *, plane: Plane = "axial") -> Header:
        height, width, channels = _frame(path, _start(path))
        remarks = ("stored as RGB",) if channels == 3 else ()
        return Header(slices=1, height=height, width=width, dtype=np.dtype(np.uint8), remarks=remarks)

    def read(self, path: Path, *, plane: Plane = "axial") -> Scan:
        data = read_bytes(path)
        _frame(path, data)
        image = decode(path, data, "JPEG")
        if image.mode == "L":
            pixels = np.array(image)
        elif image.mode == "RGB":
            pixels = gray(path, np.asarray(image), tolerance=_TOLERANCE)
        else:
            raise UnreadableScan(path, f"a JPEG of a kind that is not read ({image.mode}); save it as gray")
        return Scan(slices=pixels[None], properties={"mode": image.mode})

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        pixels = one_slice(scan.slices, "JPEG")
        if pixels.dtype != np.uint8 and "mode" not in scan.properties:
            raise ValueError(
                f"a JPEG file holds 8-bit pixels; this scan has {pixels.dtype}. Write PNG or NIfTI."
            )
        image = Image.fromarray(np.ascontiguousarray(as_type(pixels, np.dtype(np.uint8))))
        if scan.properties.get("mode") == "RGB":
            image = Image.merge("RGB", [image] * 3)
        buffer = io.BytesIO()
        comment = b"" if provenance is None else str(provenance).encode()
        image.save(buffer, format="JPEG", quality=_QUALITY, subsampling=0, comment=comment)
        write_bytes(path, buffer.getvalue())


def _start(path: Path) -> bytes:
    """Enough of the file to hold its frame header: the whole file only where thumbnails push it back."""
    data = read_bytes(path, 16_384)
    try:
        _frame(path, data)
    except UnreadableScan:
        return read_bytes(path)
    return data


def _frame(path: Path, data: bytes) -> tuple[int, int, int]:
    """Height, width and channels, from the frame header (ITU T.81, B.2.2)."""
    if data[:3] != b"\xff\xd8\xff":
        raise UnreadableScan(path, "not a JPEG file, or its header is damaged")
    at = 2
    while at + 4 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF:
            raise UnreadableScan(path, "damaged JPEG header")
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _LONE:
            at += 2
        elif marker in _FRAMES and at + 10 <= len(data):
            bits, height, width, channels = struct.unpack(">BHHB", data[at + 4 : at + 10])
            check_size(path, height, width)
            if bits != 8:
                raise UnreadableScan(path, f"a JPEG of {bits} bits; only 8 are read. Save it as 16-bit PNG")
            return height, width, channels
        else:
            at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    raise UnreadableScan(path, "truncated")
