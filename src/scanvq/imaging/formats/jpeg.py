"""JPEG images: gray, or RGB with equal channels."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from scanvq.imaging.formats.format import Format, Header, Plane, Provenance, Scan, as_type
from scanvq.imaging.formats.pixels import (
    DISPLAY,
    decode,
    display_properties,
    display_remarks,
    parse_header,
    read_header,
    single_slice,
    to_gray,
)
from scanvq.imaging.formats.reading import UnreadableScan, read_bytes
from scanvq.imaging.formats.xmp import is_declared_generated, xmp_packet
from scanvq.storage.files import write_bytes

_QUALITY = 95
_TOLERANCE = 10  # lossy compression of gray stored as RGB changes the channels slightly


class Jpeg(Format):
    """One 8-bit slice. `properties`: Pillow's mode, L or RGB."""

    suffixes: ClassVar[tuple[str, ...]] = (".jpg", ".jpeg")
    dtypes: ClassVar[tuple[str, ...]] = ("uint8",)
    lossless: ClassVar[bool] = False
    single_slice: ClassVar[bool] = True

    def _header(self, path: Path, plane: Plane) -> Header:
        image = read_header(path, "JPEG")
        remarks = (*(("stored as RGB",) if image.mode == "RGB" else ()), *display_remarks(image))
        dtype = np.dtype(np.uint8)
        return Header(slices=1, height=image.height, width=image.width, dtype=dtype, remarks=remarks)

    def _read(self, path: Path, plane: Plane) -> Scan:
        data = read_bytes(path)
        parse_header(path, data, "JPEG")
        image = decode(path, data, "JPEG")
        if image.mode == "L":
            pixels = np.array(image)
        elif image.mode == "RGB":
            pixels = to_gray(path, np.asarray(image), tolerance=_TOLERANCE)
        else:
            raise UnreadableScan(path, f"a JPEG of an unsupported mode ({image.mode}); save it as gray")
        return Scan(slices=pixels[None], properties={"mode": image.mode, **display_properties(image)})

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        pixels = single_slice(scan.slices, "JPEG")
        if pixels.dtype != np.uint8 and "mode" not in scan.properties:
            raise ValueError(
                f"a JPEG file holds 8-bit pixels; this scan has {pixels.dtype}. Write PNG or NIfTI."
            )
        image = Image.fromarray(np.ascontiguousarray(as_type(pixels, np.dtype(np.uint8))))
        if scan.properties.get("mode") == "RGB":
            image = Image.merge("RGB", [image] * 3)
        buffer = io.BytesIO()
        display = {name: scan.properties[name] for name in DISPLAY if name in scan.properties}
        image.save(buffer, format="JPEG", quality=_QUALITY, subsampling=0, **display)
        jpeg = buffer.getvalue()
        write_bytes(path, jpeg if provenance is None else _with_provenance(jpeg, provenance))

    def is_synthetic(self, path: Path) -> bool:
        return super().is_synthetic(path) or is_declared_generated(path)


def _with_provenance(jpeg: bytes, provenance: Provenance) -> bytes:
    """Inserts a comment and XMP (APP1) after the first segment of an encoded JPEG file, that of JFIF."""
    end = 4 + int.from_bytes(jpeg[4:6], "big")
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + xmp_packet(provenance)
    return jpeg[:end] + _segment(0xFE, str(provenance).encode()) + _segment(0xE1, xmp) + jpeg[end:]


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
