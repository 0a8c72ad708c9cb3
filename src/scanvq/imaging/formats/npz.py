"""npz files in the format of MedMNIST: many small images or volumes with splits and labels."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import ClassVar

import numpy as np

from scanvq.imaging.formats.format import (
    MARK_BYTES,
    Format,
    Header,
    Plane,
    Provenance,
    Scan,
    as_type,
    read_as,
)
from scanvq.imaging.formats.npy import NpyHeader, npy_header_bytes, read_npy_header, two_readings
from scanvq.imaging.formats.pixels import channel_axis, to_gray
from scanvq.imaging.formats.reading import (
    UnreadableScan,
    check_deflated,
    check_memory,
    open_regular,
    read_bytes,
)
from scanvq.storage.files import write_bytes

SUFFIX = ".npz"
MEDMNIST = ("train", "val", "test")
_IMAGES = (*(f"{split}_images" for split in MEDMNIST), "images")
_PROVENANCE = "synthetic"
_lock = Lock()


class Npz(Format):
    """All images of a file, or one image as FILE/ARRAY/NUMBER; `plane` is not used.

    Image arrays are `train_images`, `val_images` and `test_images`, or `images`: (n, H, W), volumes
    (n, D, H, W), RGB (n, H, W, 3) with equal channels, or a single channel (n, H, W, 1). `properties`: their
    shapes, and all other arrays.
    The provenance is written as an array `synthetic`.
    """

    suffixes: ClassVar[tuple[str, ...]] = (SUFFIX,)
    dtypes: ClassVar[tuple[str, ...]] = ("uint8", "uint16", "int16", "int32", "float32")

    def _header(self, path: Path, plane: Plane) -> Header:
        file, member_key = split_member(path)
        with _npz_errors(path):
            headers = image_headers(file)
            if member_key is None:
                sizes = {_volume_shape(path, header)[2:] for header in headers.values()}
                types = {header.read_type(path) for header in headers.values()}
                if len(sizes) > 1 or len(types) > 1:
                    raise UnreadableScan(path, "its arrays of images differ in size or type")
                count = sum(int(np.prod(_volume_shape(path, header)[:2])) for header in headers.values())
                (height, width), (dtype,) = sizes.pop(), types
            else:
                header = _header_of_member(path, headers, member_key)
                (_, count, height, width), dtype = _volume_shape(path, header), header.read_type(path)
        return Header(slices=count, height=height, width=width, dtype=dtype)

    def _read(self, path: Path, plane: Plane) -> Scan:
        file, member_key = split_member(path)
        self.header(path)
        with _npz_errors(path):
            headers = image_headers(file)
            if member_key is not None:
                header = _header_of_member(path, headers, member_key)
                pixels = _array(file, member_key[0])[member_key[1]]
                return Scan(slices=_to_gray(path, pixels, _volume_shape(path, header)[1:], header))
            slices = [
                _to_gray(path, _array(file, name), (-1, *_volume_shape(path, header)[2:]), header)
                for name, header in headers.items()
            ]
            properties = {
                "arrays": tuple((name, header.shape, header.dtype.str) for name, header in headers.items()),
                "others": tuple(
                    (name, content) for name, content in _members(file).items() if name not in headers
                ),
            }
            return Scan(slices=np.concatenate(slices), properties=properties)

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        if split_member(path)[1] is not None:
            raise ValueError("one image is not written into an npz file; write PNG")
        arrays = scan.properties.get("arrays", (("images", scan.slices.shape, scan.slices.dtype.str),))
        members, first = {}, 0
        for name, shape, stored in arrays:
            colored = _is_colored(shape)
            count = int(np.prod(shape[:-3] if colored or _has_channel(shape) else shape[:-2]))
            pixels = as_type(scan.slices[first : first + count], np.dtype(stored))
            first += count
            if colored:
                pixels = np.repeat(pixels[..., None], 3, axis=-1)
            members[name] = npy_header_bytes(tuple(shape), pixels.dtype) + pixels.reshape(shape).tobytes()
        if first != len(scan.slices):
            raise ValueError(f"{len(scan.slices)} slices for arrays that hold {first}")
        members.update(scan.properties.get("others", ()))
        if provenance is not None:
            text = np.array(str(provenance))
            members[_PROVENANCE] = npy_header_bytes((), text.dtype) + text.tobytes()
        write_bytes(path, _zip_bytes(members))

    def provenance(self, path: Path) -> Provenance | None:
        file = split_member(path)[0]
        try:
            with _npz_errors(path), open_regular(file) as opened, zipfile.ZipFile(opened) as archive:
                if f"{_PROVENANCE}.npy" not in archive.namelist():
                    return None
                with archive.open(f"{_PROVENANCE}.npy") as member:
                    content = member.read(MARK_BYTES)
                text = read_npy_header(path, io.BytesIO(content)).numbers(path, content)
        except UnreadableScan:
            return None
        return Provenance.read(str(text))

    def files(self, path: Path) -> Sequence[Path]:
        return (split_member(path)[0],)


def split_member(path: Path) -> tuple[Path, tuple[str, int] | None]:
    """Splits FILE/ARRAY/NUMBER into file and (array, number); the second is None for other paths."""
    path = Path(path)
    if len(path.parts) > 2 and path.name.isdecimal() and path.parents[1].name.lower().endswith(SUFFIX):
        return path.parents[1], (path.parent.name, int(path.name))
    return path, None


def holds_images(path: Path) -> bool:
    """Whether an npz file has the image arrays of MedMNIST."""
    try:
        with _npz_errors(path):
            return any(name != "images" for name in image_headers(path))
    except UnreadableScan:
        return False


def image_headers(file: Path) -> Mapping[str, NpyHeader]:
    """The headers of the image arrays by name. Raises UnreadableScan, or errors of `zipfile`."""
    status = file.stat()
    return _read_headers(file, status.st_size, status.st_mtime_ns)


def read_labels(file: Path, name: str) -> np.ndarray | None:
    """The labels (n, labels per image) of an image array such as `train_images`; None if there are none."""
    members = _members(file, only=name.removesuffix("_images") + "_labels")
    if not members:
        return None
    (content,) = members.values()
    labels = read_npy_header(file, io.BytesIO(content)).numbers(file, content)
    return labels.reshape(len(labels), -1) if labels.ndim else None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz file by name; their sizes are checked before memory is taken.

    Raises:
        UnreadableScan: not a complete npz file, or Python objects in it.
    """
    with _npz_errors(path):
        return {
            name: read_npy_header(path, io.BytesIO(content)).numbers(path, content)
            for name, content in _members(path).items()
        }


@lru_cache(maxsize=16)
def _read_headers(file: Path, size: int, changed: int) -> Mapping[str, NpyHeader]:
    """`image_headers` of a file of this size and time of change."""
    read_bytes(file, 1)
    with open_regular(file) as opened, zipfile.ZipFile(opened) as archive:
        headers = {}
        for name in _IMAGES:
            if f"{name}.npy" in archive.namelist():
                with archive.open(f"{name}.npy") as member:
                    headers[name] = read_npy_header(file, member)
    if not headers:
        raise UnreadableScan(file, f"has none of the arrays {', '.join(_IMAGES)}")
    return headers


def _array(file: Path, name: str) -> np.ndarray:
    status = file.stat()
    with _lock:  # one thread loads an array, the others use the cached one
        return _load(file, name, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=3)
def _load(file: Path, name: str, size: int, changed: int) -> np.ndarray:
    with open_regular(file) as opened, zipfile.ZipFile(opened) as archive:
        member = archive.getinfo(f"{name}.npy")
        with archive.open(member) as start:
            end = read_npy_header(file, start).end
        if member.file_size > end:
            raise UnreadableScan(
                file,
                f"damaged: its array {name} is of {end:,} bytes, but {member.file_size:,} bytes are there",
            )
        check_deflated(file, min(end, member.file_size), member.compress_size)
        check_memory(file, 2 * end)
        content = archive.read(member)
    return read_npy_header(file, io.BytesIO(content)).numbers(file, content)


def _members(file: Path, *, only: str | None = None) -> dict[str, bytes]:
    """The arrays of a file by name, as npy bytes."""
    with open_regular(file) as opened, zipfile.ZipFile(opened) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        names = [name for name in names if only in (None, name)]
        sizes = [archive.getinfo(f"{name}.npy") for name in names]
        check_memory(file, sum(member.file_size for member in sizes))
        for member in sizes:
            check_deflated(file, member.file_size, member.compress_size)
        return {name: archive.read(f"{name}.npy") for name in names}


def _header_of_member(path: Path, headers: Mapping[str, NpyHeader], member_key: tuple[str, int]) -> NpyHeader:
    name, number = member_key
    if name not in headers or not number < headers[name].shape[0]:
        raise UnreadableScan(path, "the file has no such image")
    return headers[name]


def _volume_shape(path: Path, header: NpyHeader) -> tuple[int, int, int, int]:
    """(n, slices per image, H, W) of an image array."""
    shape = header.shape
    if len(shape) == 3 and channel_axis(shape) is not None:
        raise UnreadableScan(path, two_readings(shape))
    if _is_colored(shape) or _has_channel(shape):
        shape = shape[:-1]
    elif len(shape) > 3 and channel_axis(shape) is not None:
        raise UnreadableScan(path, f"its images have {shape[-1]} channels; save one of them")
    if len(shape) not in (3, 4) or min(shape) < 1:
        shape_text = "x".join(map(str, header.shape))
        raise UnreadableScan(path, f"its images have the shape {shape_text}; (n, height, width) is read")
    count, slices, height, width = (shape[0], 1, *shape[1:]) if len(shape) == 3 else shape
    return count, slices, height, width


def _is_colored(shape: Sequence[int]) -> bool:
    return len(shape) >= 4 and shape[-1] == 3


def _has_channel(shape: Sequence[int]) -> bool:
    return len(shape) >= 4 and shape[-1] == 1


def _to_gray(path: Path, pixels: np.ndarray, shape: Sequence[int], header: NpyHeader) -> np.ndarray:
    if not _is_colored(header.shape):
        return read_as(path, pixels, header.read_type(path)).reshape(shape)
    if pixels.dtype != np.uint8:
        raise UnreadableScan(path, f"colors of {pixels.dtype}; only 8 bits are read")
    return to_gray(
        path, pixels.reshape(-1, *pixels.shape[-2:]).reshape(-1, pixels.shape[-2], 3), tolerance=2
    ).reshape(shape)


def _zip_bytes(members: Mapping[str, bytes]) -> bytes:
    """A zip file without modification times: equal arrays give equal bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return file.getvalue()


@contextmanager
def _npz_errors(path: Path) -> Iterator[None]:
    """Converts any error of a damaged zip file to UnreadableScan."""
    try:
        yield
    except UnreadableScan as error:
        raise UnreadableScan(path, error.reason) from None
    except FileNotFoundError:
        raise UnreadableScan(path, "no such file") from None
    except MemoryError:
        raise UnreadableScan(path, "too large for the memory of this machine") from None
    except Exception as error:  # zip, deflate and encryption raise different errors
        message = " ".join(str(error).split())[:120]
        raise UnreadableScan(path, f"not a complete npz file ({message or type(error).__name__})") from None
