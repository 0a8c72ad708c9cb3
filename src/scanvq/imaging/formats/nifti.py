"""NIfTI: a 2-D slice exactly as stored, or a volume cut along a plane; written back byte for byte."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import nibabel as nib
import numpy as np

from scanvq.imaging.formats.format import (
    PIXEL_LIMIT,
    Format,
    Header,
    Plane,
    Provenance,
    Scan,
    Spacing,
    UnreadableScan,
    as_type,
    keep_stored,
    read_as,
    read_bytes,
    read_type,
)
from scanvq.imaging.formats.orientation import Orientation, directions, orientation, plane_of_slice
from scanvq.storage.files import write_bytes

SUFFIXES = (".nii.gz", ".nii")
_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_MAGIC = {348: slice(344, 347), 540: slice(4, 7)}
_DESCRIPTION = {348: slice(148, 228), 540: slice(240, 320)}
_MILLIMETERS = {1: 1000.0, 2: 1.0, 3: 0.001}  # by the code of the unit: meter, millimeter, micron
_FLOAT32 = np.dtype(np.float32)


class Nifti(Format):
    """A slice (H, W), its first axis the rows, or a volume cut along `plane` by its affine.

    FILE/NUMBER is one channel of a file with four axes; it is written as a volume of its own.

    A volume's slices show the usual way up (see `Orientation`). `properties`: all bytes before the
    voxels, and the plane; so the header, its extensions, the voxel type and its scaling are kept. Where
    float32 cannot hold every stored value (float64, scaled voxels), the stored voxels too: those whose
    value in `slices` is still what was read are written back bit for bit.
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES

    def header(self, path: Path, *, plane: Plane = "axial") -> Header:
        file, channel = place_of(path)
        layout = _layout(path, _start(path, file), channel)
        slices, height, width = layout.view(plane)
        trailing = "x".join(map(str, layout.shape))
        remarks = (f"stored as {trailing}, with axes of 1",) if len(layout.shape) > len(layout.axes) else ()
        return Header(
            slices=slices,
            height=height,
            width=width,
            dtype=layout.read_type,
            spacing=layout.spacing(plane),
            orientation=directions(layout.affine()) if len(layout.axes) == 3 else None,
            remarks=remarks,
        )

    def read(self, path: Path, *, plane: Plane = "axial") -> Scan:
        file, channel = place_of(path)
        data = _bytes(path, file)
        layout = _layout(path, _inflate(path, data, 540) if _packed(data) else data, channel)
        data = _inflate(path, data, layout.end) if _packed(data) else data
        if len(data) < layout.end:
            raise UnreadableScan(path, f"truncated ({len(data):,} of {layout.end:,} bytes)")
        stored = np.frombuffer(data, layout.dtype, int(np.prod(layout.shape)), layout.offset)
        slices = layout.show(_native(path, stored, layout).reshape(layout.axes, order="F"), plane)
        head = data[: layout.start]
        properties: dict[str, Any] = {
            "head": head if channel is None else _of_one_channel(head, layout),
            "plane": plane,
        }
        if layout.rounds:
            properties["voxels"] = data[layout.offset : layout.end]
        return Scan(slices=np.ascontiguousarray(slices), spacing=layout.spacing(plane), properties=properties)

    def files(self, path: Path) -> Sequence[Path]:
        return (place_of(path)[0],)

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        head = scan.properties.get("head") or _new_head(scan)
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
            voxels = keep_stored(stored, read, now, voxels)
        voxels = voxels.astype(layout.dtype)
        data = (head if provenance is None else _marked(head, provenance)) + voxels.tobytes(order="F")
        # mtime 0: the same scan gives the same bytes.
        packed = gzip.compress(data, 6, mtime=0) if str(path).lower().endswith(".gz") else data
        write_bytes(path, packed)


@dataclass(frozen=True)
class _Layout:
    """What the header says of the voxels, or of those of one channel.

    Attributes:
        axes: `shape` without trailing ones.
        start: where the voxels of the file begin.
        offset: where these begin.
    """

    header: nib.Nifti1Header
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    offset: int
    scaling: tuple[float, float] | None

    @property
    def end(self) -> int:
        return self.offset + int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def read_type(self) -> np.dtype[Any]:
        if self.scaling is not None:
            return _FLOAT32
        found = read_type(self.dtype)
        assert found is not None  # `_layout` refuses what has none
        return found

    @property
    def rounds(self) -> bool:
        """Whether what is read may be a rounded value of what is stored."""
        return self.scaling is not None or self.dtype.str[1:] == "f8"

    def affine(self) -> np.ndarray:
        """(4, 4), from voxels to millimeters toward right, front and head; NaN where the header lies."""
        try:
            return np.asarray(self.header.get_best_affine())
        except (ValueError, nib.spatialimages.HeaderDataError):  # a rotation that is none
            return np.full((4, 4), np.nan)

    def turn(self, plane: Plane) -> Orientation:
        """How a volume is turned; a volume that is one slice thick has only its own plane."""
        affine = self.affine()
        if self.axes.count(1) == 1:
            plane = plane_of_slice(affine, self.axes.index(1))
        return orientation(affine, plane)

    def view(self, plane: Plane) -> tuple[int, int, int]:
        if len(self.axes) == 2:
            return (1, self.axes[0], self.axes[1])
        return self.turn(plane).shape(self.axes)

    def spacing(self, plane: Plane) -> Spacing | None:
        """Millimeters from row to row and column to column; None where the header has none."""
        rows, columns = (0, 1) if len(self.axes) == 2 else self.turn(plane).order[1:]
        with np.errstate(all="ignore"):
            sizes = np.abs(self.header["pixdim"][1:4].astype(np.float64))
        unit = _MILLIMETERS.get(int(self.header["xyzt_units"]) & 7, 1.0)
        down, across = float(sizes[rows] * unit), float(sizes[columns] * unit)
        return (down, across) if 0 < down < np.inf and 0 < across < np.inf else None

    def show(self, stored: np.ndarray, plane: Plane) -> np.ndarray:
        return stored[None] if len(self.axes) == 2 else self.turn(plane).show(stored)

    def hide(self, slices: np.ndarray, plane: Plane) -> np.ndarray:
        return slices[0] if len(self.axes) == 2 else self.turn(plane).store(slices)


def place_of(path: Path) -> tuple[Path, int | None]:
    """The file, and of FILE/NUMBER, one channel of a file with four axes, the number."""
    path = Path(path)
    if path.name.isdecimal() and path.parent.name.lower().endswith(SUFFIXES):
        return path.parent, int(path.name)
    return path, None


def _layout(path: Path, head: bytes, channel: int | None = None) -> _Layout:
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
    reported = "x".join(map(str, shape))
    if channel is not None and not (len(axes) == 4 and channel < axes[3]):
        raise UnreadableScan(path, f"no such channel: the file has the shape {reported}")
    if channel is None and len(axes) not in (2, 3):
        hint = f"name a channel, as {path.name}/0" if len(axes) == 4 else "split it first"
        raise UnreadableScan(
            path, f"has {len(axes)} axes ({reported}); a slice has 2 axes, a volume 3: {hint}"
        )
    if channel is not None:
        shape = axes = axes[:3]
    try:
        dtype = header.get_data_dtype()
        slope, intercept = header.get_slope_inter()
    except (nib.spatialimages.HeaderDataError, KeyError) as error:
        raise UnreadableScan(path, f"damaged header ({error})") from None
    if dtype.str[1:] == "b1" or read_type(dtype) is None:
        kind = "colors" if dtype.names else str(dtype)
        raise UnreadableScan(path, f"holds {kind}; only gray whole or real numbers are read")
    offset = float(header["vox_offset"])
    if offset > PIXEL_LIMIT:
        raise UnreadableScan(path, f"damaged header: its voxels begin at byte {offset:.0f}")
    start = int(offset) if np.isfinite(offset) and offset >= size else size + 4
    scaling = None if slope is None or (slope, intercept) == (1.0, 0.0) else (float(slope), float(intercept))
    before = (channel or 0) * int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return _Layout(header, shape, axes, dtype, start, start + before, scaling)


def _native(path: Path, stored: np.ndarray, layout: _Layout) -> np.ndarray:
    """Stored voxels in the scan's own units."""
    if layout.scaling is not None:
        slope, intercept = layout.scaling
        with np.errstate(over="ignore", invalid="ignore"):  # becomes infinite or NaN, and is told as such
            return (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    return read_as(path, stored, layout.read_type)


def _of_one_channel(head: bytes, layout: _Layout) -> bytes:
    """The header of a volume, out of that of a file with several of them."""
    header = layout.header.copy()
    header["dim"][0], header["dim"][4] = 3, 1
    return bytes(header.binaryblock) + head[len(header.binaryblock) :]


def _bytes(path: Path, file: Path, count: int = -1) -> bytes:
    try:
        return read_bytes(file, count)
    except UnreadableScan as error:
        raise UnreadableScan(path, error.reason) from None


def _start(path: Path, file: Path) -> bytes:
    data = _bytes(path, file, 4096)
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


def _marked(head: bytes, provenance: Provenance) -> bytes:
    """A header whose description says what made the file."""
    place = _DESCRIPTION[348 if 348 in (_number(head, "<"), _number(head, ">")) else 540]
    return head[: place.start] + str(provenance).encode().ljust(80, b"\0")[:80] + head[place.stop :]


def _new_head(scan: Scan) -> bytes:
    """A header for a scan that no file held before: a slice, or a volume stored right, front, head."""
    header, slices = nib.Nifti1Header(), scan.slices
    header.set_data_dtype(slices.dtype)
    if slices.shape[0] == 1:
        header.set_data_shape(slices.shape[1:])
    else:
        header.set_data_shape(tuple(slices.shape[axis] for axis in np.argsort((2, 1, 0))))
    affine = np.eye(4)
    if scan.spacing is not None:
        down, across = scan.spacing
        rows, columns = (0, 1) if slices.shape[0] == 1 else (1, 0)
        affine[rows, rows], affine[columns, columns] = down, across
    header.set_sform(affine, code=1)
    header["pixdim"][1:4] = np.diag(affine)[:3]
    header.set_xyzt_units("mm")
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    return bytes(header.binaryblock) + b"\0\0\0\0"
