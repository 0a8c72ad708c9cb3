"""npz files as MedMNIST has them: many small images, or volumes, in one file, with splits and labels."""

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
    Format,
    Header,
    Plane,
    Provenance,
    Scan,
    UnreadableScan,
    as_type,
    read_as,
    read_bytes,
)
from scanvq.imaging.formats.npy import ArrayHead, array_head, head_bytes
from scanvq.imaging.formats.pixels import gray
from scanvq.storage.files import write_bytes

SUFFIX = ".npz"
MEDMNIST = ("train", "val", "test")
_IMAGES = (*(f"{split}_images" for split in MEDMNIST), "images")
_MARK = "synthetic"
_lock = Lock()


class Npz(Format):
    """All images of a file, or FILE/ARRAY/NUMBER, one of them; `plane` means nothing to it.

    Arrays of images are `train_images`, `val_images` and `test_images`, or `images`: (n, H, W), (n, D, H, W)
    of volumes, or (n, H, W, 3) of colors that are gray. `properties`: their shapes, and all other arrays.
    A mark is one more array, `synthetic`.
    """

    suffixes: ClassVar[tuple[str, ...]] = (SUFFIX,)

    def header(self, path: Path, *, plane: Plane = "axial") -> Header:
        file, place = place_of(path)
        with _plainly(path):
            heads = image_heads(file)
            if place is None:
                sizes = {_volume(path, head)[2:] for head in heads.values()}
                types = {head.read_type(path) for head in heads.values()}
                if len(sizes) > 1 or len(types) > 1:
                    raise UnreadableScan(path, "its arrays of images differ in size or type")
                count = sum(int(np.prod(_volume(path, head)[:2])) for head in heads.values())
                (height, width), (dtype,) = sizes.pop(), types
            else:
                head = _one(path, heads, place)
                (_, count, height, width), dtype = _volume(path, head), head.read_type(path)
        return Header(slices=count, height=height, width=width, dtype=dtype)

    def read(self, path: Path, *, plane: Plane = "axial") -> Scan:
        file, place = place_of(path)
        self.header(path)
        with _plainly(path):
            heads = image_heads(file)
            if place is not None:
                head = _one(path, heads, place)
                pixels = _array(file, place[0])[place[1]]
                return Scan(slices=_gray(path, pixels, _volume(path, head)[1:], head))
            slices = [
                _gray(path, _array(file, name), (-1, *_volume(path, head)[2:]), head)
                for name, head in heads.items()
            ]
            properties = {
                "arrays": tuple((name, head.shape, head.dtype.str) for name, head in heads.items()),
                "others": tuple(
                    (name, content) for name, content in _members(file).items() if name not in heads
                ),
            }
            return Scan(slices=np.concatenate(slices), properties=properties)

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        if place_of(path)[1] is not None:
            raise ValueError("one image is not written into an npz file; write PNG")
        arrays = scan.properties.get("arrays", (("images", scan.slices.shape, scan.slices.dtype.str),))
        members, start = {}, 0
        for name, shape, stored in arrays:
            colored = _is_colored(shape)
            count = int(np.prod(shape[:-3] if colored else shape[:-2]))
            pixels = as_type(scan.slices[start : start + count], np.dtype(stored))
            start += count
            if colored:
                pixels = np.repeat(pixels[..., None], 3, axis=-1)
            members[name] = head_bytes(tuple(shape), pixels.dtype) + pixels.reshape(shape).tobytes()
        if start != len(scan.slices):
            raise ValueError(f"{len(scan.slices)} slices for arrays that hold {start}")
        members.update(scan.properties.get("others", ()))
        if provenance is not None:
            reported = np.array(str(provenance))
            members[_MARK] = head_bytes((), reported.dtype) + reported.tobytes()
        write_bytes(path, _zipped(members))

    def files(self, path: Path) -> Sequence[Path]:
        return (place_of(path)[0],)


def place_of(path: Path) -> tuple[Path, tuple[str, int] | None]:
    """The file, and of FILE/ARRAY/NUMBER the array and the number."""
    path = Path(path)
    if len(path.parts) > 2 and path.name.isdecimal() and path.parents[1].name.lower().endswith(SUFFIX):
        return path.parents[1], (path.parent.name, int(path.name))
    return path, None


def holds_images(path: Path) -> bool:
    """Whether an npz file has arrays of images as MedMNIST has them."""
    try:
        with _plainly(path):
            return any(name != "images" for name in image_heads(path))
    except UnreadableScan:
        return False


def image_heads(file: Path) -> Mapping[str, ArrayHead]:
    """The heads of the arrays of images, by name. Raises UnreadableScan, and what a damaged zip does."""
    status = file.stat()
    return _heads(file, status.st_size, status.st_mtime_ns)


def labels_of(file: Path, name: str) -> np.ndarray | None:
    """The labels of `train_images` and the like, (n, labels of one); None where there are none."""
    members = _members(file, only=name.removesuffix("_images") + "_labels")
    if not members:
        return None
    (content,) = members.values()
    found = array_head(file, io.BytesIO(content)).numbers(file, content)
    return found.reshape(len(found), -1) if found.ndim else None


@lru_cache(maxsize=16)
def _heads(file: Path, size: int, changed: int) -> Mapping[str, ArrayHead]:
    """`image_heads` of a file of this size and time of change."""
    read_bytes(file, 1)
    with zipfile.ZipFile(file) as archive:
        found = {}
        for name in _IMAGES:
            if f"{name}.npy" in archive.namelist():
                with archive.open(f"{name}.npy") as member:
                    found[name] = array_head(file, member)
    if not found:
        raise UnreadableScan(file, f"has none of the arrays {', '.join(_IMAGES)}")
    return found


def _array(file: Path, name: str) -> np.ndarray:
    status = file.stat()
    with _lock:  # one thread loads an array, the others take it
        return _load(file, name, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=3)
def _load(file: Path, name: str, size: int, changed: int) -> np.ndarray:
    content = _members(file, only=name)[name]
    return array_head(file, io.BytesIO(content)).numbers(file, content)


def _members(file: Path, *, only: str | None = None) -> dict[str, bytes]:
    """The arrays of a file as npy bytes, by name."""
    with zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        return {name: archive.read(f"{name}.npy") for name in names if only in (None, name)}


def _one(path: Path, heads: Mapping[str, ArrayHead], place: tuple[str, int]) -> ArrayHead:
    name, number = place
    if name not in heads or not number < heads[name].shape[0]:
        raise UnreadableScan(path, "the file has no such image")
    return heads[name]


def _volume(path: Path, head: ArrayHead) -> tuple[int, int, int, int]:
    """(n, slices of one, H, W) of an array of images."""
    shape = head.shape[:-1] if _is_colored(head.shape) else head.shape
    if len(shape) not in (3, 4) or min(shape) < 1:
        reported = "x".join(map(str, head.shape))
        raise UnreadableScan(path, f"its images have the shape {reported}; (n, height, width) is read")
    count, slices, height, width = (shape[0], 1, *shape[1:]) if len(shape) == 3 else shape
    return count, slices, height, width


def _is_colored(shape: Sequence[int]) -> bool:
    return len(shape) >= 4 and shape[-1] == 3


def _gray(path: Path, pixels: np.ndarray, shape: Sequence[int], head: ArrayHead) -> np.ndarray:
    if not _is_colored(head.shape):
        return read_as(path, pixels, head.read_type(path)).reshape(shape)
    if pixels.dtype != np.uint8:
        raise UnreadableScan(path, f"colors of {pixels.dtype}; only 8 bits are read")
    return gray(
        path, pixels.reshape(-1, *pixels.shape[-2:]).reshape(-1, pixels.shape[-2], 3), tolerance=2
    ).reshape(shape)


def _zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip file whose members have no date: the same arrays give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return file.getvalue()


@contextmanager
def _plainly(path: Path) -> Iterator[None]:
    """Whatever a damaged zip file raises becomes an UnreadableScan."""
    try:
        yield
    except UnreadableScan as error:
        raise UnreadableScan(path, error.reason) from None
    except FileNotFoundError:
        raise UnreadableScan(path, "no such file") from None
    except MemoryError:
        raise UnreadableScan(path, "too large for the memory of this machine") from None
    except Exception as error:  # zip, deflate and encryption each have their own
        reported = " ".join(str(error).split())[:120]
        raise UnreadableScan(path, f"not a whole npz file ({reported or type(error).__name__})") from None
