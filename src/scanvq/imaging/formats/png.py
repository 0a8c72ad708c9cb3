"""PNG images: gray of 8 or 16 bits, and palettes or RGB with equal channels."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

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
from scanvq.imaging.formats.reading import UnreadableScan, check_deflated, read_bytes
from scanvq.imaging.formats.xmp import is_declared_generated, xmp_packet
from scanvq.storage.files import write_bytes

_REMARKS = {
    "RGB": "stored as RGB",
    "P": "stored with a palette",
    "LA": "stored with transparency",
    "RGBA": "stored as RGBA",
}
_HEADER_END = 33  # bytes of the signature and the chunk IHDR
_TOLERANCE = 2  # some programs round the channels differently


class Png(Format):
    """One slice. `properties`: Pillow's mode, and the alpha channel (H, W) of LA and RGBA."""

    suffixes: ClassVar[tuple[str, ...]] = (".png",)
    dtypes: ClassVar[tuple[str, ...]] = ("uint8", "uint16")
    single_slice: ClassVar[bool] = True

    def _header(self, path: Path, plane: Plane) -> Header:
        image = read_header(path, "PNG")
        _refuse_wide_colors(path, image)
        remarks = (*((_REMARKS[image.mode],) if image.mode in _REMARKS else ()), *display_remarks(image))
        dtype = np.dtype(np.uint16 if image.mode.startswith("I") else np.uint8)
        return Header(slices=1, height=image.height, width=image.width, dtype=dtype, remarks=remarks)

    def _read(self, path: Path, plane: Plane) -> Scan:
        data = read_bytes(path)
        header = parse_header(path, data, "PNG")
        _refuse_wide_colors(path, header)
        check_deflated(path, header.height * (header.width // 8), len(data))
        image = decode(path, data, "PNG")
        mode, alpha = image.mode, None
        if mode == "1":
            pixels = np.asarray(image).astype(np.uint8) * np.uint8(255)
        elif mode == "L":
            pixels = np.array(image)
        elif mode.startswith("I"):  # I;16, and I of older Pillow versions: both are 16 bits
            mode, pixels = "I;16", np.asarray(image).astype(np.uint16)
        elif mode == "P":
            levels = image.getpalette("RGB")
            if not levels:
                raise UnreadableScan(path, "damaged PNG file (a palette image without palette)")
            palette = np.array(levels, dtype=np.uint8).reshape(-1, 3)
            pixels = to_gray(
                path, palette[np.asarray(image).clip(max=len(palette) - 1)], tolerance=_TOLERANCE
            )
        elif mode == "RGB":
            pixels = to_gray(path, np.asarray(image), tolerance=_TOLERANCE)
        elif mode == "RGBA":
            channels = np.array(image)
            pixels, alpha = to_gray(path, channels[..., :3], tolerance=_TOLERANCE), channels[..., 3].copy()
        elif mode == "LA":
            channels = np.array(image)
            pixels, alpha = channels[..., 0].copy(), channels[..., 1].copy()
        else:
            raise UnreadableScan(path, f"a PNG of an unsupported mode ({mode})")
        properties = {"mode": mode, **display_properties(image)}
        if alpha is not None:
            properties["alpha"] = alpha
        return Scan(slices=pixels[None], properties=properties)

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        pixels = single_slice(scan.slices, "PNG")
        if pixels.dtype.kind == "f" and "mode" not in scan.properties:
            raise ValueError("a PNG file holds integers; convert float pixels to uint8 or uint16 first")
        mode = scan.properties.get("mode", "L" if pixels.dtype == np.uint8 else "I;16")
        pixels = np.ascontiguousarray(as_type(pixels, np.dtype(np.uint16 if mode == "I;16" else np.uint8)))
        buffer = io.BytesIO()
        display = {name: scan.properties[name] for name in DISPLAY if name in scan.properties}
        _image(pixels, mode, scan.properties.get("alpha")).save(buffer, format="PNG", **display)
        png = buffer.getvalue()
        write_bytes(path, png if provenance is None else with_text(png, str(provenance)))

    def is_synthetic(self, path: Path) -> bool:
        return super().is_synthetic(path) or is_declared_generated(path)


def with_text(png: bytes, text: str) -> bytes:
    """Inserts a text chunk `Description` into an encoded PNG file; if it is a provenance, with its XMP."""
    chunks = _chunk(b"tEXt", b"Description\0" + text.encode("latin-1", "replace"))
    if (provenance := Provenance.read(text)) is not None:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_packet(provenance))
    return png[:_HEADER_END] + chunks + png[_HEADER_END:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    content = kind + data
    return struct.pack(">I", len(data)) + content + struct.pack(">I", zlib.crc32(content))


def _image(pixels: np.ndarray, mode: str, alpha: np.ndarray | None) -> Image.Image:
    """A Pillow image of the given mode from gray pixels (H, W)."""
    image = Image.fromarray(pixels)
    if mode in ("L", "I;16"):
        return image
    if mode == "1":
        return image.point(lambda value: 255 if value >= 128 else 0, mode="1")
    if mode == "P":
        image.putpalette([level for level in range(256) for _ in range(3)])
        return image
    channels = [image] * (1 if mode == "LA" else 3)
    if mode.endswith("A"):
        opaque = alpha is None or alpha.shape != pixels.shape
        channels.append(Image.fromarray(np.full_like(pixels, 255) if opaque else np.asarray(alpha)))
    return Image.merge(mode, channels)


def _refuse_wide_colors(path: Path, image: ImageFile) -> None:
    """Raises UnreadableScan for 16 bits per color channel, which Pillow would read as 8."""
    if image.mode in _REMARKS and "16" in str(image.tile[0][3]):
        raise UnreadableScan(path, "16 bits per channel with color or transparency; save it as 16-bit gray")
