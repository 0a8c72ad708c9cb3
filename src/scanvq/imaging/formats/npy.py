"""NumPy arrays: npy files of a slice (H, W) or of slices (S, H, W)."""

from __future__ import annotations

import io
import json
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
    UnreadableScan,
    as_type,
    keep_stored,
    read_as,
    read_bytes,
    read_type,
)
from scanvq.storage.files import write_bytes


class Npy(Format):
    """An array with two axes, or three of which the first counts the slices; `plane` means nothing to it.

    `properties`: the bytes before the numbers, and the numbers of float64, which are read as float32. A mark
    goes into a JSON file beside the array, of the same name.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".npy",)

    def header(self, path: Path, *, plane: Plane = "axial") -> Header:
        array = array_head(path, io.BytesIO(read_bytes(path, 16_384)))
        slices, height, width = array.slices_shape(path)
        return Header(slices=slices, height=height, width=width, dtype=array.read_type(path))

    def read(self, path: Path, *, plane: Plane = "axial") -> Scan:
        data = read_bytes(path)
        array = array_head(path, io.BytesIO(data))
        pixels = read_as(path, array.numbers(path, data), array.read_type(path))
        properties: dict[str, Any] = {"head": data[: array.offset]}
        if array.rounds:
            properties["stored"] = data[array.offset : array.end]
        slices = np.ascontiguousarray(pixels.reshape(array.slices_shape(path)))
        return Scan(slices=slices, properties=properties)

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        head = scan.properties.get("head") or _new_head(scan.slices)
        array = array_head(path, io.BytesIO(head))
        if scan.slices.shape != array.slices_shape(path):
            raise ValueError(
                f"slices have shape {scan.slices.shape}; the file's header says {array.slices_shape(path)}"
            )
        values = scan.slices.reshape(array.shape)
        back = as_type(values, array.dtype)
        if kept := scan.properties.get("stored"):
            stored = array.numbers(path, head + kept)
            back = keep_stored(stored, read_as(path, stored, array.read_type(path)), values, back)
        if provenance is not None:
            reported = {
                "description": str(provenance),
                "synthetic": True,
                "model": provenance.model,
                "seed": provenance.seed,
            }
            write_bytes(path.with_suffix(".json"), (json.dumps(reported, indent=1) + "\n").encode())
        write_bytes(path, head + back.astype(array.dtype).tobytes("F" if array.fortran else "C"))


@dataclass(frozen=True)
class ArrayHead:
    """What the head of an npy file says."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def end(self) -> int:
        return self.offset + int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def rounds(self) -> bool:
        """Whether what is read may be a rounded value of what is stored."""
        return self.dtype.str[1:] == "f8"

    def read_type(self, path: Path) -> np.dtype[Any]:
        found = read_type(self.dtype)
        if found is None:
            raise UnreadableScan(path, f"holds {self.dtype}; only whole or real numbers are read")
        return found

    def slices_shape(self, path: Path) -> tuple[int, int, int]:
        if len(self.shape) not in (2, 3) or min(self.shape) < 1:
            reported = "x".join(map(str, self.shape)) or "a single number"
            raise UnreadableScan(
                path, f"has the shape {reported}; give (height, width) or (slices, height, width)"
            )
        slices, height, width = (1, *self.shape) if len(self.shape) == 2 else self.shape
        return slices, height, width

    def numbers(self, path: Path, data: bytes) -> np.ndarray:
        """The array in its own shape and type. Raises UnreadableScan where bytes are missing."""
        if len(data) < self.end:
            raise UnreadableScan(path, f"truncated ({len(data):,} of {self.end:,} bytes)")
        flat = np.frombuffer(data, self.dtype, int(np.prod(self.shape)), self.offset)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def array_head(path: Path, file: IO[bytes]) -> ArrayHead:
    """Reads the head of an npy file. Raises UnreadableScan."""
    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(file)
        offset = file.tell()
    except Exception as error:  # the head is a Python literal: damaged, it may fail in any way
        reported = " ".join(str(error).split())[:120]
        raise UnreadableScan(path, f"not a NumPy file, or its header is damaged ({reported})") from None
    if dtype.hasobject:
        raise UnreadableScan(path, "holds Python objects, which are never loaded; save numbers")
    if any(length < 0 for length in shape) or np.prod(shape, dtype=np.float64) > PIXEL_LIMIT:
        reported = "x".join(map(str, shape))[:60]
        raise UnreadableScan(path, f"claims {reported} numbers, more than any scan has")
    return ArrayHead(tuple(shape), bool(fortran), dtype, offset)


def _new_head(slices: np.ndarray) -> bytes:
    """The head of a file for a scan that no file held before: (H, W) of one slice, (S, H, W) of more."""
    shape = slices.shape[1:] if len(slices) == 1 else slices.shape
    return head_bytes(shape, slices.dtype)


def head_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    file = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()
