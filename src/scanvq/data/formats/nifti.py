"""NIfTI: a 2-D slice exactly as stored, or a volume cut along a plane; written back byte for byte."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import nibabel as nib
import numpy as np

from scanvq.data.formats.format import (
    PIXEL_LIMIT,
    Format,
    Header,
    Plane,
    Scan,
    UnreadableScan,
    as_type,
    read_bytes,
    write_bytes,
)
from scanvq.data.formats.orientation import Orientation, orientation, plane_of_slice

_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_MAGIC = {348: slice(344, 347), 540: slice(4, 7)}
_FLOAT32 = np.dtype(np.float32)
# The types that stay; what is narrower or wider takes the nearest of them.
_TYPES: dict[str, np.dtype[Any]] = {
    "u1": np.dtype(np.uint8),
    "i1": np.dtype(np.int16),
    "i2": np.dtype(np.int16),
    "u2": np.dtype(np.uint16),
    "i4": np.dtype(np.int32),
    "u4": np.dtype(np.int32),
    "i8": np.dtype(np.int32),
    "u8": np.dtype(np.int32),
    "f4": _FLOAT32,
    "f8": _FLOAT32,
}


class Nifti(Format):
    """A slice (H, W), its first axis the rows, or a volume cut along `plane` by its affine.

    A volume's slices show the usual way up (see `Orientation`). `properties`: all bytes before the
    voxels, and the plane; so the header, its extensions, the voxel type and its scaling are kept. Where
    float32 cannot hold every stored value (float64, scaled voxels), the stored voxels too: those whose
    value in `slices` is still what was read are written back bit for bit.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".nii.gz", ".nii")

    def header(self, path: Path, *, plane: Plane = "axial") -> Header:
        layout = _layout(path, _start(path))
        slices, height, width = layout.view(plane)
        trailing = "x".join(map(str, layout.shape))
        remarks = (f"stored as {trailing}, with axes of 1",) if len(layout.shape) > len(layout.axes) else ()
        return Header(slices=slices, height=height, width=width, dtype=layout.read_type, remarks=remarks)

    def read(self, path: Path, *, plane: Plane = "axial") -> Scan:
        data = read_bytes(path)
        layout = _layout(path, _inflate(path, data, 540) if _packed(data) else data)
        data = _inflate(path, data, layout.end) if _packed(data) else data
        if len(data) < layout.end:
            raise UnreadableScan(path, f"truncated ({len(data):,} of {layout.end:,} bytes)")
        stored = np.frombuffer(data, layout.dtype, int(np.prod(layout.shape)), layout.offset)
        slices = layout.show(_native(path, stored, layout).reshape(layout.axes, order="F"), plane)
        properties: dict[str, Any] = {"head": data[: layout.offset], "plane": plane}
        if layout.rounds:
            properties["voxels"] = data[layout.offset : layout.end]
        return Scan(slices=np.ascontiguousarray(slices), properties=properties)

    def write(self, path: Path, scan: Scan) -> None:
        head = scan.properties.get("head") or _new_head(scan.slices)
        layout = _layout(path, head)
        plane: Plane = scan.properties.get("plane", "axial")
        if scan.slices.shape != layout.view(plane):
            raise ValueError(
                f"slices have shape {scan.slices.shape}; the file's header says {layout.view(plane)}"
            )
        values = layout.hide(scan.slices, plane)
        if layout.scaling is not None:
            slope, intercept = layout.scaling
            values = (values.astype(np.float64) - intercept) / slope
        voxels = as_type(values, layout.dtype.newbyteorder("="))
        if stored_bytes := scan.properties.get("voxels"):
            stored = np.frombuffer(stored_bytes, layout.dtype).reshape(layout.axes, order="F")
            read, now = _native(path, stored, layout), layout.hide(scan.slices, plane)
            voxels = np.where((read == now) | (np.isnan(read) & np.isnan(now)), stored, voxels)
        voxels = voxels.astype(layout.dtype)
        data = head + voxels.tobytes(order="F")
        # mtime 0: the same scan gives the same bytes.
        packed = gzip.compress(data, 6, mtime=0) if str(path).lower().endswith(".gz") else data
        write_bytes(path, packed)


@dataclass(frozen=True)
class _Layout:
    """What the header says of the voxels. `axes` is `shape` without trailing ones."""

    header: nib.Nifti1Header
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    scaling: tuple[float, float] | None

    @property
    def end(self) -> int:
        return self.offset + int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def read_type(self) -> np.dtype[Any]:
        return _FLOAT32 if self.scaling is not None else _TYPES[self.dtype.str[1:]]

    @property
    def rounds(self) -> bool:
        """Whether what is read may be a rounded value of what is stored."""
        return self.scaling is not None or self.dtype.str[1:] == "f8"

    def turn(self, plane: Plane) -> Orientation:
        """How a volume is turned; a volume that is one slice thick has only its own plane."""
        try:
            affine = self.header.get_best_affine()
        except (ValueError, nib.spatialimages.HeaderDataError):  # a rotation that is none
            affine = np.full((4, 4), np.nan)
        if self.axes.count(1) == 1:
            plane = plane_of_slice(affine, self.axes.index(1))
        return orientation(affine, plane)

    def view(self, plane: Plane) -> tuple[int, int, int]:
        if len(self.axes) == 2:
            return (1, self.axes[0], self.axes[1])
        return self.turn(plane).shape(self.axes)

    def show(self, stored: np.ndarray, plane: Plane) -> np.ndarray:
        return stored[None] if len(self.axes) == 2 else self.turn(plane).show(stored)

    def hide(self, slices: np.ndarray, plane: Plane) -> np.ndarray:
        return slices[0] if len(self.axes) == 2 else self.turn(plane).store(slices)


def _layout(path: Path, head: bytes) -> _Layout:
    """Reads a header, and refuses what is damaged or not a scan."""
    size = next((size for size in _HEADERS if size in (_number(head, "<"), _number(head, ">"))), 0)
    if not size:
        raise UnreadableScan(path, "not a NIfTI file, or its header is damaged")
    if len(head) < size:
        raise UnreadableScan(path, "truncated in its header")
    if head[_MAGIC[size]] != b"n+1" and head[_MAGIC[size]] != b"n+2":
        raise UnreadableScan(path, "not a single-file NIfTI (.hdr/.img pairs are not read)")
    header = _HEADERS[size](head[:size], check=False)
    lengths = [int(length) for length in header["dim"]]
    shape = tuple(lengths[1 : lengths[0] + 1]) if 1 <= lengths[0] <= 7 else ()
    if not shape or min(shape) < 1:
        raise UnreadableScan(path, "damaged header: its dimensions make no sense")
    if np.prod(shape, dtype=np.float64) > PIXEL_LIMIT:
        raise UnreadableScan(path, f"claims {'x'.join(map(str, shape))} voxels, more than any scan has")
    axes = shape
    while len(axes) > 2 and axes[-1] == 1:
        axes = axes[:-1]
    if len(axes) not in (2, 3):
        told = "x".join(map(str, shape))
        raise UnreadableScan(
            path, f"has {len(axes)} axes ({told}); a slice has 2, a volume 3. Split it first"
        )
    try:
        dtype = header.get_data_dtype()
        slope, intercept = header.get_slope_inter()
    except (nib.spatialimages.HeaderDataError, KeyError) as error:
        raise UnreadableScan(path, f"damaged header ({error})") from None
    if dtype.str[1:] not in _TYPES:
        kind = "colors" if dtype.names else str(dtype)
        raise UnreadableScan(path, f"holds {kind}; only gray whole or real numbers are read")
    offset = float(header["vox_offset"])
    if offset > PIXEL_LIMIT:
        raise UnreadableScan(path, f"damaged header: its voxels begin at byte {offset:.0f}")
    start = int(offset) if np.isfinite(offset) and offset >= size else size + 4
    scaling = None if slope is None or (slope, intercept) == (1.0, 0.0) else (float(slope), float(intercept))
    return _Layout(header, shape, axes, dtype, start, scaling)


def _native(path: Path, stored: np.ndarray, layout: _Layout) -> np.ndarray:
    """Stored voxels in the scan's own units."""
    if layout.scaling is not None:
        slope, intercept = layout.scaling
        with np.errstate(over="ignore", invalid="ignore"):  # becomes infinite or NaN, and is told as such
            return (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    if layout.read_type.kind == "i" and layout.dtype.itemsize >= 4 and layout.dtype.str[1:] != "i4":
        limits = np.iinfo(np.int32)
        if stored.size and not (limits.min <= int(stored.min()) and int(stored.max()) <= limits.max):
            raise UnreadableScan(path, "holds whole numbers beyond 32 bits")
    with np.errstate(over="ignore"):  # as above, of a float64 beyond float32
        return stored.astype(layout.read_type)


def _start(path: Path) -> bytes:
    data = read_bytes(path, 4096)
    return _inflate(path, data, 540) if _packed(data) else data


def _packed(data: bytes) -> bool:
    return data[:2] == b"\x1f\x8b"


def _inflate(path: Path, data: bytes, size: int) -> bytes:
    """The first `size` bytes of gzip data, no more, checked to the end where that is its end."""
    try:
        stream = zlib.decompressobj(wbits=31)
        start = stream.decompress(data, size)
        if len(start) == size and not stream.eof:
            stream.decompress(stream.unconsumed_tail, 1)  # reads the checksum if this is the end
        elif stream.eof and stream.unused_data and len(start) < size:  # packed in blocks
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as blocks:
                return blocks.read(size)
    except EOFError:
        raise UnreadableScan(path, "truncated") from None
    except (zlib.error, OSError) as error:
        raise UnreadableScan(path, f"damaged gzip file ({error})") from None
    return start


def _number(head: bytes, order: str) -> int:
    return int.from_bytes(head[:4], "little" if order == "<" else "big")


def _new_head(slices: np.ndarray) -> bytes:
    """A header for a scan that no file held before: a slice, or a volume stored right, front, head."""
    header = nib.Nifti1Header()
    header.set_data_dtype(slices.dtype)
    if slices.shape[0] == 1:
        header.set_data_shape(slices.shape[1:])
    else:
        header.set_data_shape(tuple(slices.shape[axis] for axis in np.argsort((2, 1, 0))))
    header.set_sform(np.eye(4), code=1)
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    return bytes(header.binaryblock) + b"\0\0\0\0"
