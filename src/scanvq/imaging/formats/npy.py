"""npy files: one slice (H, W) or several slices (S, H, W), also with a last axis of channels."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from scanvq.imaging.formats.format import (
    PIXEL_LIMIT,
    Format,
    Header,
    Plane,
    Provenance,
    Scan,
    as_type,
    preserve_unchanged,
    read_as,
    read_type,
)
from scanvq.imaging.formats.pixels import MOST_CHANNELS, channel_axis, to_gray
from scanvq.imaging.formats.reading import UnreadableScan, check_memory, read_bytes
from scanvq.storage.files import write_bytes

_TOLERANCE = 2  # some programs round the channels differently


class Npy(Format):
    """An array (H, W) or (S, H, W); `plane` is not used.

    A last axis of one channel, or of three equal ones, is recognized: (H, W, 1), (H, W, 3), (S, H, W, 1),
    (S, H, W, 3); so is (S, 1, H, W). Shapes with two readings are refused.
    `properties`: the bytes before the numbers, and the numbers of float64 arrays, which are read as float32.
    The provenance is written to a JSON file with the same stem.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".npy",)
    dtypes: ClassVar[tuple[str, ...]] = ("uint8", "uint16", "int16", "int32", "float32")

    def _header(self, path: Path, plane: Plane) -> Header:
        array = read_npy_header(path, io.BytesIO(read_bytes(path, 16_384)))
        slices, height, width = array.slices_shape(path)
        remarks = ("stored as RGB",) if array.channels == 3 else ()
        return Header(slices=slices, height=height, width=width, dtype=array.read_type(path), remarks=remarks)

    def _read(self, path: Path, plane: Plane) -> Scan:
        array = read_npy_header(path, io.BytesIO(read_bytes(path, 16_384)))
        data = read_bytes(path, array.end)
        check_memory(path, 3 * len(data))
        array.slices_shape(path)
        pixels = array.to_slices(path, read_as(path, array.numbers(path, data), array.read_type(path)))
        properties: dict[str, Any] = {"head": data[: array.offset]}
        if array.is_rounded:
            properties["stored"] = data[array.offset : array.end]
        return Scan(slices=np.ascontiguousarray(pixels), properties=properties)

    def provenance(self, path: Path) -> Provenance | None:
        beside = path.with_suffix(".json")
        return super().provenance(beside) if beside.is_file() else None

    def written_files(self, path: Path) -> Sequence[Path]:
        return path, path.with_suffix(".json")

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        head = scan.properties.get("head") or _new_header(scan.slices)
        array = read_npy_header(path, io.BytesIO(head))
        if scan.slices.shape != array.slices_shape(path):
            raise ValueError(
                f"slices have shape {scan.slices.shape}; the header has {array.slices_shape(path)}"
            )
        values = array.from_slices(scan.slices)
        encoded = as_type(values, array.dtype)
        if content := scan.properties.get("stored"):
            stored = array.numbers(path, head + content)
            read = read_as(path, stored, array.read_type(path))
            encoded = preserve_unchanged(stored, read, values, encoded)
        if provenance is not None:
            record = {
                "description": str(provenance),
                "synthetic": True,
                "model": provenance.model,
                "seed": provenance.seed,
            }
            write_bytes(path.with_suffix(".json"), (json.dumps(record, indent=1) + "\n").encode())
        write_bytes(path, head + encoded.astype(array.dtype).tobytes("F" if array.fortran else "C"))


@dataclass(frozen=True)
class NpyHeader:
    """The header of an npy file."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def end(self) -> int:
        return self.offset + int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def is_rounded(self) -> bool:
        """Whether values in memory may be rounded stored values."""
        return self.dtype.str[1:] == "f8"

    def read_type(self, path: Path) -> np.dtype[Any]:
        dtype = read_type(self.dtype)
        if dtype is None:
            raise UnreadableScan(path, f"holds {self.dtype}; only integers or real numbers are read")
        return dtype

    @property
    def channels(self) -> int | None:
        """The length of the last axis if it holds channels; None if it does not."""
        axis = channel_axis(self.shape) if len(self.shape) in (3, 4) else None
        return None if axis is None else self.shape[axis]

    def slices_shape(self, path: Path) -> tuple[int, int, int]:
        """(S, H, W) of the slices. Raises UnreadableScan for shapes that are no slices, or ambiguous."""
        shape, text = self.shape, "x".join(map(str, self.shape)) or "a single number"
        if self.channels in (1, 3):
            shape = shape[:-1]
        elif len(shape) == 4 and shape[1] == 1:
            shape = (shape[0], *shape[2:])
        elif len(shape) == 3 and 1 <= shape[-1] <= MOST_CHANNELS:
            raise UnreadableScan(path, two_readings(shape))
        if len(shape) not in (2, 3) or min(shape) < 1:
            raise UnreadableScan(
                path, f"has the shape {text}; give (height, width) or (slices, height, width)"
            )
        slices, height, width = (1, *shape) if len(shape) == 2 else shape
        return slices, height, width

    def to_slices(self, path: Path, pixels: np.ndarray) -> np.ndarray:
        """Pixels of the stored shape as (S, H, W). Raises UnreadableScan for channels that differ."""
        if self.channels == 3:
            pixels = equal_channels(path, pixels)
        return pixels.reshape(self.slices_shape(path))

    def from_slices(self, slices: np.ndarray) -> np.ndarray:
        """Slices (S, H, W) in the stored shape."""
        if self.channels == 3:
            slices = np.repeat(slices[..., None], 3, axis=-1)
        return slices.reshape(self.shape)

    def numbers(self, path: Path, data: bytes) -> np.ndarray:
        """The array in its stored shape and type. Raises UnreadableScan for a truncated file."""
        if len(data) < self.end:
            raise UnreadableScan(path, f"truncated ({len(data):,} of {self.end:,} bytes)")
        flat = np.frombuffer(data, self.dtype, int(np.prod(self.shape)), self.offset)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def read_npy_header(path: Path, file: IO[bytes]) -> NpyHeader:
    """Reads the header of an npy file. Raises UnreadableScan."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read_header(file)
        offset = file.tell()
    except Exception as error:  # the header is a Python literal: a damaged one may raise anything
        message = " ".join(str(error).split())[:120]
        raise UnreadableScan(path, f"not a NumPy file, or its header is damaged ({message})") from None
    if dtype.hasobject:
        raise UnreadableScan(path, "holds Python objects, which are never loaded; save numbers")
    if any(type(length) is not int or length < 0 for length in shape):
        raise UnreadableScan(path, f"not a NumPy file, or its header is damaged (the shape {shape})"[:160])
    if max(shape, default=0) > PIXEL_LIMIT or math.prod(shape) > PIXEL_LIMIT:
        claimed = "x".join(str(length) if length <= 2**63 else "..." for length in shape)[:60]
        raise UnreadableScan(path, f"claims {claimed} numbers, more than any scan has")
    return NpyHeader(tuple(shape), bool(fortran), dtype, offset)


def two_readings(shape: tuple[int, ...]) -> str:
    """The reason why a shape (A, B, C) with few C is refused."""
    first, height, width = shape
    return (
        f"has the shape {first}x{height}x{width}, which may be one slice of {first}x{height} with {width} "
        f"channels, or {first} slices of {height}x{width}; save it as (height, width) or "
        "(slices, height, width)"
    )


def equal_channels(path: Path, colors: np.ndarray) -> np.ndarray:
    """Three equal channels (..., 3) as gray. Raises UnreadableScan for channels that differ."""
    if colors.dtype == np.uint8:
        flat = colors.reshape(-1, *colors.shape[-2:])
        return to_gray(path, flat, tolerance=_TOLERANCE).reshape(colors.shape[:-1])
    gray = colors[..., 0]
    if not all(np.array_equal(gray, colors[..., k], equal_nan=colors.dtype.kind == "f") for k in (1, 2)):
        raise UnreadableScan(
            path,
            f"has the shape {'x'.join(map(str, colors.shape))} and channels that differ; save one of them",
        )
    return gray


def _new_header(slices: np.ndarray) -> bytes:
    """The header of a new file: (H, W) for one slice, (S, H, W) for several."""
    shape = slices.shape[1:] if len(slices) == 1 else slices.shape
    return npy_header_bytes(shape, slices.dtype)


def npy_header_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """An npy header (format 1.0) in C order."""
    file = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()
