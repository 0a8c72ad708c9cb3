"""NIfTI files: a 2-D slice as stored, or a volume sliced along a plane; written back byte for byte."""

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
    as_type,
    preserve_unchanged,
    read_as,
    read_type,
)
from scanvq.imaging.formats.nifti_metadata import MILLIMETERS, check_scaling, contradictions, refuse_skewed
from scanvq.imaging.formats.orientation import Orientation, axis_codes, orientation_of, plane_of_slice
from scanvq.imaging.formats.reading import UnreadableScan, check_deflated, check_memory, read_bytes
from scanvq.storage.files import write_bytes

SUFFIXES = (".nii.gz", ".nii")
_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_MAGIC = {348: slice(344, 347), 540: slice(4, 7)}
_DESCRIPTION = {348: slice(148, 228), 540: slice(240, 320)}
_FLOAT32 = np.dtype(np.float32)


class Nifti(Format):
    """A slice (H, W), first axis rows, or a volume sliced along `plane` according to its affine.

    FILE/NUMBER is one channel of a 4-D file; it is written as a separate volume.

    Slices of a volume have display orientation (see `Orientation`). `properties`: all bytes before the
    voxels, and the plane; this keeps the header, its extensions, the voxel type and the scaling. If float32
    cannot represent every stored value (float64, scaled voxels), also the stored voxels: unchanged voxels
    are written back bit for bit.
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES
    dtypes: ClassVar[tuple[str, ...]] = ("uint8", "uint16", "int16", "int32", "float32")

    def _header(self, path: Path, plane: Plane) -> Header:
        file, channel = split_channel(path)
        voxels = _parse_header(path, _first_bytes(path, file), channel)
        refuse_skewed(path, voxels.axes, voxels.affine(), plane)
        slices, height, width = voxels.view(plane)
        trailing = "x".join(map(str, voxels.shape))
        remarks = contradictions(voxels.header)
        if len(voxels.shape) > len(voxels.axes):
            remarks = (f"stored as {trailing}, with axes of 1", *remarks)
        return Header(
            slices=slices,
            height=height,
            width=width,
            dtype=voxels.read_type,
            spacing=voxels.spacing(plane),
            orientation=axis_codes(voxels.affine()) if len(voxels.axes) == 3 else None,
            remarks=remarks,
        )

    def _read(self, path: Path, plane: Plane) -> Scan:
        file, channel = split_channel(path)
        voxels = _parse_header(path, _first_bytes(path, file), channel)
        refuse_skewed(path, voxels.axes, voxels.affine(), plane)
        count = int(np.prod(voxels.shape, dtype=np.int64))
        stored_bytes = voxels.end - voxels.offset
        needed = stored_bytes + count * (voxels.read_type.itemsize + 8 * (voxels.scaling is not None))
        if _is_gzipped(_read_bytes(path, file, 2)):
            data = _read_bytes(path, file)
            check_deflated(path, voxels.end, len(data))
            check_memory(path, voxels.offset + needed)
            data = _inflate(path, data, voxels.end)
        else:
            data = _read_bytes(path, file, voxels.end)
            check_memory(path, needed - stored_bytes)
        if len(data) < voxels.end:
            raise UnreadableScan(path, f"truncated ({len(data):,} of {voxels.end:,} bytes)")
        stored = np.frombuffer(data, voxels.dtype, int(np.prod(voxels.shape)), voxels.offset)
        slices = voxels.to_slices(_rescaled(path, stored, voxels).reshape(voxels.axes, order="F"), plane)
        head = data[: voxels.start]
        properties: dict[str, Any] = {
            "head": head if channel is None else _channel_header(head, voxels),
            "plane": plane,
        }
        if voxels.is_rounded:
            properties["voxels"] = data[voxels.offset : voxels.end]
        return Scan(slices=np.ascontiguousarray(slices), spacing=voxels.spacing(plane), properties=properties)

    def provenance(self, path: Path) -> Provenance | None:
        try:
            head = _first_bytes(path, split_channel(path)[0])
        except UnreadableScan:
            return None
        return Provenance.read(head[:540].decode("latin-1"))

    def files(self, path: Path) -> Sequence[Path]:
        return (split_channel(path)[0],)

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        head = scan.properties.get("head") or _new_header(scan)
        voxels = _parse_header(path, head)
        plane: Plane = scan.properties.get("plane", "axial")
        if scan.slices.shape != voxels.view(plane):
            raise ValueError(f"slices have shape {scan.slices.shape}; the header has {voxels.view(plane)}")
        values = voxels.to_stored(scan.slices, plane)
        if voxels.scaling is not None:
            slope, intercept = voxels.scaling
            values = (values.astype(np.float64) - intercept) / slope
        encoded = as_type(values, voxels.dtype.newbyteorder("="))
        if stored_bytes := scan.properties.get("voxels"):
            stored = np.frombuffer(stored_bytes, voxels.dtype).reshape(voxels.axes, order="F")
            read, current = _rescaled(path, stored, voxels), voxels.to_stored(scan.slices, plane)
            encoded = preserve_unchanged(stored, read, current, encoded)
        encoded = encoded.astype(voxels.dtype)
        data = (head if provenance is None else _with_provenance(head, provenance)) + encoded.tobytes(
            order="F"
        )
        # mtime 0: the same scan gives the same bytes.
        content = gzip.compress(data, 6, mtime=0) if str(path).lower().endswith(".gz") else data
        write_bytes(path, content)


@dataclass(frozen=True)
class _VoxelHeader:
    """The header fields that describe the voxels of a file, or of one of its channels.

    Attributes:
        axes: `shape` without trailing axes of 1.
        start: byte at which the voxels of the file begin.
        offset: byte at which the voxels of the channel begin.
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
        dtype = read_type(self.dtype)
        assert dtype is not None  # `_parse_header` refuses unsupported types
        return dtype

    @property
    def is_rounded(self) -> bool:
        """Whether values in memory may be rounded stored values."""
        return self.scaling is not None or self.dtype.str[1:] == "f8"

    def affine(self) -> np.ndarray:
        """(4, 4), from voxels to RAS millimeters; NaN if the header has an invalid rotation."""
        try:
            return np.asarray(self.header.get_best_affine())
        except (ValueError, nib.spatialimages.HeaderDataError):
            return np.full((4, 4), np.nan)

    def orientation(self, plane: Plane) -> Orientation:
        """Orientation of a volume; a volume with one slice has only the plane of this slice."""
        affine = self.affine()
        if self.axes.count(1) == 1:
            plane = plane_of_slice(affine, self.axes.index(1))
        return orientation_of(affine, plane)

    def view(self, plane: Plane) -> tuple[int, int, int]:
        if len(self.axes) == 2:
            return (1, self.axes[0], self.axes[1])
        return self.orientation(plane).shape(self.axes)

    def spacing(self, plane: Plane) -> Spacing | None:
        """Millimeters between rows and between columns; None if the header has none."""
        rows, columns = (0, 1) if len(self.axes) == 2 else self.orientation(plane).order[1:]
        with np.errstate(all="ignore"):
            sizes = np.abs(self.header["pixdim"][1:4].astype(np.float64))
        unit = MILLIMETERS.get(int(self.header["xyzt_units"]) & 7, 1.0)
        down, across = float(sizes[rows] * unit), float(sizes[columns] * unit)
        return (down, across) if 0 < down < np.inf and 0 < across < np.inf else None

    def to_slices(self, stored: np.ndarray, plane: Plane) -> np.ndarray:
        return stored[None] if len(self.axes) == 2 else self.orientation(plane).to_slices(stored)

    def to_stored(self, slices: np.ndarray, plane: Plane) -> np.ndarray:
        return slices[0] if len(self.axes) == 2 else self.orientation(plane).to_stored(slices)


def split_channel(path: Path) -> tuple[Path, int | None]:
    """Splits FILE/NUMBER, one channel of a 4-D file, into (file, channel); other paths have channel None."""
    path = Path(path)
    if path.name.isdecimal() and path.parent.name.lower().endswith(SUFFIXES):
        return path.parent, int(path.name)
    return path, None


def _parse_header(path: Path, head: bytes, channel: int | None = None) -> _VoxelHeader:
    """Parses a header. Raises UnreadableScan for a damaged or unsupported one."""
    size = next((size for size in _HEADERS if size in (_header_size(head, "<"), _header_size(head, ">"))), 0)
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
        raise UnreadableScan(path, "damaged header: its dimensions are invalid")
    if np.prod(shape, dtype=np.float64) > PIXEL_LIMIT:
        raise UnreadableScan(path, f"claims {'x'.join(map(str, shape))} voxels, more than any scan has")
    axes = shape
    while len(axes) > 2 and axes[-1] == 1:
        axes = axes[:-1]
    shape_text = "x".join(map(str, shape))
    if channel is not None and not (len(axes) == 4 and channel < axes[3]):
        raise UnreadableScan(path, f"no such channel: the file has the shape {shape_text}")
    if channel is None and len(axes) not in (2, 3):
        hint = f"name a channel, as {path.name}/0" if len(axes) == 4 else "split it first"
        raise UnreadableScan(
            path, f"has {len(axes)} axes ({shape_text}); a slice has 2 axes, a volume 3: {hint}"
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
        raise UnreadableScan(path, f"holds {kind}; only gray integers or real numbers are read")
    check_scaling(path, header)
    offset = float(header["vox_offset"])
    if offset > PIXEL_LIMIT:
        raise UnreadableScan(path, f"damaged header: its voxels begin at byte {offset:.0f}")
    start = int(offset) if np.isfinite(offset) and offset >= size else size + 4
    scaling = None if slope is None or (slope, intercept) == (1.0, 0.0) else (float(slope), float(intercept))
    before = (channel or 0) * int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return _VoxelHeader(header, shape, axes, dtype, start, start + before, scaling)


def _rescaled(path: Path, stored: np.ndarray, voxels: _VoxelHeader) -> np.ndarray:
    """Stored voxels in native units."""
    if voxels.scaling is not None:
        slope, intercept = voxels.scaling
        with np.errstate(over="ignore", invalid="ignore"):  # infinite or NaN, which `check` reports
            return (stored.astype(np.float64) * slope + intercept).astype(np.float32)
    return read_as(path, stored, voxels.read_type)


def _channel_header(head: bytes, voxels: _VoxelHeader) -> bytes:
    """The 3-D header of one channel of a 4-D file."""
    header = voxels.header.copy()
    header["dim"][0], header["dim"][4] = 3, 1
    return bytes(header.binaryblock) + head[len(header.binaryblock) :]


def _read_bytes(path: Path, file: Path, count: int = -1) -> bytes:
    try:
        return read_bytes(file, count)
    except UnreadableScan as error:
        raise UnreadableScan(path, error.reason) from None


def _first_bytes(path: Path, file: Path) -> bytes:
    data = _read_bytes(path, file, 4096)
    return _inflate(path, data, 540) if _is_gzipped(data) else data


def _is_gzipped(data: bytes) -> bool:
    return data[:2] == b"\x1f\x8b"


def _inflate(path: Path, data: bytes, size: int) -> bytes:
    """The first `size` bytes of gzip data; the checksum is verified if the data ends there."""
    try:
        stream = zlib.decompressobj(wbits=31)
        inflated = stream.decompress(data, size)
        if len(inflated) == size and not stream.eof:
            stream.decompress(stream.unconsumed_tail, 1)  # reads the checksum if this is the end
        elif stream.eof and stream.unused_data and len(inflated) < size:  # several gzip members
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as blocks:
                return blocks.read(size)
    except EOFError:
        raise UnreadableScan(path, "truncated") from None
    except (zlib.error, OSError) as error:
        raise UnreadableScan(path, f"damaged gzip file ({error})") from None
    return inflated


def _header_size(head: bytes, order: str) -> int:
    return int.from_bytes(head[:4], "little" if order == "<" else "big")


def _with_provenance(head: bytes, provenance: Provenance) -> bytes:
    """A header with the provenance in its description field."""
    field = _DESCRIPTION[348 if 348 in (_header_size(head, "<"), _header_size(head, ">")) else 540]
    return head[: field.start] + str(provenance).encode().ljust(80, b"\0")[:80] + head[field.stop :]


def _new_header(scan: Scan) -> bytes:
    """A header for a new scan: a slice, or a volume stored in RAS orientation."""
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
