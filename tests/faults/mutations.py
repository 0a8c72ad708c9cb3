"""Hypothesis strategies for damaged scans: bytes changed, header fields changed, sizes changed."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from scanvq.imaging.formats import Scan, format_of

PIXELS = (np.arange(3 * 20 * 24).reshape(3, 20, 24) * 7 % 251).astype(np.int16)
NUMBERS = (0, 1, -1, 2, 255, 256, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**63)
FLOATS = (0.0, -1.0, 1e-30, 1e30, float("inf"), float("-inf"), float("nan"))
FIELDS_OF_NIFTI = {  # offset -> type, of sizes, types, scaling and geometry
    **{40 + 2 * axis: "<h" for axis in range(8)},
    **{70: "<h", 72: "<h", 123: "<B", 252: "<h", 254: "<h"},
    **{76 + 4 * axis: "<f" for axis in range(8)},
    **{108: "<f", 112: "<f", 116: "<f"},
    **{offset: "<f" for offset in range(256, 328, 4)},
}
TAGS_OF_DICOM = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceThickness",
    "PixelPaddingValue",
    "WindowCenter",
    "PixelData",
    "PatientID",
    "SeriesInstanceUID",
    "SOPClassUID",
    "PatientAge",
    "PatientSex",
    "InstanceNumber",
)
DICOM_VALUES = (
    "",
    "x",
    "-1",
    "0",
    "1e400",
    "nan",
    "99999999999",
    "1\\2",
    "1\\2\\3\\4\\5\\6\\7",
    "\x00\xff",
    "016Y",
)


class Content(bytes):
    """Bytes of a file, which Hypothesis shows by their number."""

    def __repr__(self) -> str:
        return f"{len(self)} bytes"


def originals(folder: Path) -> dict[str, Content]:
    """A valid file of every format, by the end of its name."""
    made = {}
    for suffix in (".png", ".jpg", ".nii", ".nii.gz", ".npy", ".npz", ".dcm"):
        path = folder / f"scan{suffix}"
        single = format_of(path).single_slice or suffix == ".dcm"
        pixels = (
            PIXELS[:1].astype(np.uint8) if suffix in (".png", ".jpg") else PIXELS[: 1 if single else None]
        )
        format_of(path).write(path, Scan(slices=pixels))
        made[suffix] = path.read_bytes()
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[0].astype(np.uint8)).convert("P").save(buffer, "PNG")
    made["_palette.png"] = buffer.getvalue()
    return {suffix: Content(content) for suffix, content in made.items()}


@st.composite
def changed_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes set, removed, repeated, inserted, or cut off."""
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        if draw(st.booleans()):  # most of what can go wrong is in the header
            place = min(place, draw(st.integers(0, 400)))
        length = draw(st.sampled_from([1, 1, 2, 4, 16, 200]))
        part = draw(st.one_of(st.binary(min_size=length, max_size=length), st.sampled_from(_EXTREMES)))
        content = {
            "set": content[:place] + part + content[place + len(part) :],
            "insert": content[:place] + part + content[place:],
            "remove": content[:place] + content[place + length :],
            "repeat": content[:place] + content[place : place + 64] * length + content[place + 64 :],
            "cut": content[:place],
        }[draw(st.sampled_from(["set", "set", "set", "insert", "remove", "repeat", "cut"]))]
    return content


_EXTREMES = [b"\xff" * 4, b"\x00" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"]


@st.composite
def changed_png(draw: st.DrawFn, content: bytes) -> bytes:
    """Chunks changed, with their checksums made right, so that the change reaches the decoder."""
    chunks, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    number = draw(st.integers(0, len(chunks) - 1))
    kind, body = chunks[number]
    if kind == b"IDAT" and draw(st.booleans()):
        body = zlib.compress(draw(changed_bytes(zlib.decompress(body))))
    elif body:
        body = draw(changed_bytes(body))
    if draw(st.integers(0, 9)) == 0:
        kind = draw(st.sampled_from([b"tRNS", b"PLTE", b"iCCP", b"zTXt", b"eXIf", b"pHYs", b"IDAT", b"acTL"]))
    chunks[number] = (kind, body)
    if draw(st.integers(0, 9)) == 0:
        chunks.insert(draw(st.integers(0, len(chunks))), draw(st.sampled_from(chunks)))
    parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return content[:8] + b"".join(parts)


@st.composite
def changed_nifti(draw: st.DrawFn, content: bytes) -> bytes:
    header = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        offset = draw(st.sampled_from(sorted(FIELDS_OF_NIFTI)))
        kind = FIELDS_OF_NIFTI[offset]
        if kind == "<f":
            struct.pack_into(kind, header, offset, draw(st.sampled_from(FLOATS)))
        else:
            struct.pack_into(kind, header, offset, *_fitting(draw(st.sampled_from(NUMBERS)), kind))
    return bytes(header)


def _fitting(value: int, kind: str) -> tuple[int]:
    size = struct.calcsize(kind)
    found: tuple[int] = struct.unpack(kind, (value % 2 ** (8 * size)).to_bytes(size, "little"))
    return found


@st.composite
def changed_npy(draw: st.DrawFn, content: bytes) -> bytes:
    """Another header: shapes, types and order that need not fit the numbers."""
    lengths = st.sampled_from([*NUMBERS, 3, 20, 24, "True", "1.5", "10**9", "'3'", "None"])
    shape = ", ".join(str(length) for length in draw(st.lists(lengths, max_size=5)))
    types = [
        "'<i2'",
        "'|u1'",
        "'<f8'",
        "'|O'",
        "'<c8'",
        "'|S5'",
        "'<U9'",
        "'<M8[s]'",
        "'<i2,<f4'",
        "[('a', '<i2')]",
        "5",
    ]
    kind = draw(st.sampled_from(types))
    order = draw(st.sampled_from(["False", "True", "None"]))
    text = (
        f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': ({shape}{',' if shape else ''}), }}".encode()
    )
    text = text.ljust(-(len(text) + 11) % 64 + len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content[128:]


@st.composite
def changed_npz(draw: st.DrawFn, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            member = source.read(name)
            target.writestr(
                name, draw(st.one_of(st.just(member), changed_npy(member), changed_bytes(member)))
            )
    return buffer.getvalue()


@st.composite
def changed_dicom(draw: st.DrawFn, content: bytes) -> bytes:
    """Elements with other values or removed, written as explicit little endian without checks."""
    data = dcmread(io.BytesIO(content))
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(TAGS_OF_DICOM))
        if draw(st.integers(0, 3)) == 0:
            if name in data:
                delattr(data, name)
            continue
        tag = Tag(name)
        kind = dictionary_VR(tag).split(" ")[0]
        value = draw(st.sampled_from(DICOM_VALUES)).encode("latin-1")
        if kind == "US":
            value = struct.pack("<H", draw(st.sampled_from(NUMBERS)) % 65536)
        if kind in ("OB", "OW"):
            value = bytes(data.get("PixelData", b""))[: draw(st.integers(0, 960))]
            kind = "OW"
        data._dict[tag] = RawDataElement(tag, kind, len(value), value, 0, False, True)
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue()


@st.composite
def changed_volume(draw: st.DrawFn, content: bytes) -> bytes:
    """A gzip file of a changed volume, with a right checksum."""
    inner = gzip.decompress(content)
    return gzip.compress(draw(st.one_of(changed_nifti(inner), changed_bytes(inner))), 1, mtime=0)


HEADERS: dict[str, Callable[[bytes], st.SearchStrategy[bytes]]] = {
    ".png": changed_png,
    "_palette.png": changed_png,
    ".nii": changed_nifti,
    ".nii.gz": changed_volume,
    ".npy": changed_npy,
    ".npz": changed_npz,
    ".dcm": changed_dicom,
}


@st.composite
def damaged(draw: st.DrawFn, valid: dict[str, bytes]) -> tuple[str, bytes]:
    """The end of a name, and a damaged file of that format."""
    suffix = draw(st.sampled_from(sorted(valid)))
    if suffix in HEADERS and draw(st.integers(0, 2)):
        return suffix, draw(HEADERS[suffix](valid[suffix]))
    return suffix, draw(changed_bytes(valid[suffix]))
