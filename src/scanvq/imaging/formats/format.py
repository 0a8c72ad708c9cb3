"""What a file format is: scans read with all that is needed to write them back the same way."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

Plane = Literal["axial", "coronal", "sagittal"]

Spacing = tuple[float, float]

PIXEL_LIMIT = 2**31
"""A file that claims more pixels than this is refused before anything is decoded."""


class UnreadableScan(ValueError):  # noqa: N818 - it names what is wrong, as a user reads it
    """A file that cannot be used, with a short reason meant for the user."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path, reason)  # both in args, so that it survives a process pool
        self.path = Path(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is known of a scan before its pixels are decoded.

    Attributes:
        slices: number of slices in the plane asked for; 1 for an image.
        height: rows of a slice.
        width: columns of a slice.
        dtype: type of the pixels that `read` returns.
        spacing: millimeters from row to row and from column to column; None where the file says none.
        orientation: the body directions that the stored axes of a volume run to, such as "RAS"; None for
            images, and where the file says none.
        remarks: unusual ways of storing, such as "stored as RGB".
    """

    slices: int
    height: int
    width: int
    dtype: np.dtype[Any]
    spacing: Spacing | None = None
    orientation: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """A file's pixels in its own units.

    Attributes:
        slices: (S, H, W), uint8, uint16, int16, int32 or float32, each slice the usual way up.
        spacing: millimeters from row to row and from column to column; None where the file says none.
        properties: what the format needs to write the scan back as it was; empty for a new scan.
    """

    slices: np.ndarray
    spacing: Spacing | None = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a generated file says of itself, so that nobody takes it for a scan.

    Attributes:
        model: content id of the weights that made it, 16 hexadecimal digits.
        seed: that it was drawn with; None where nothing was drawn.
    """

    model: str
    seed: int | None = None

    def __str__(self) -> str:
        seed = "none" if self.seed is None else self.seed
        return f"SYNTHETIC ScanVQ model={self.model} seed={seed}"

    @classmethod
    def read(cls, text: str) -> Provenance | None:
        """The mark in a text; None where there is none."""
        found = re.search(r"SYNTHETIC ScanVQ model=(\w+) seed=(?:none|(\d+))", text)
        if found is None:
            return None
        return cls(model=found[1], seed=None if found[2] is None else int(found[2]))


class Format(ABC):
    """One kind of file. `suffixes` are in lower case, with their dot."""

    suffixes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def header(self, path: Path, *, plane: Plane = "axial") -> Header:
        """Reads size and type without decoding pixels. Raises UnreadableScan."""

    @abstractmethod
    def read(self, path: Path, *, plane: Plane = "axial") -> Scan:
        """Reads a scan; `plane` cuts a volume and means nothing to an image. Raises UnreadableScan."""

    @abstractmethod
    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        """Writes a scan as its properties say, whole or not at all, and marks it as generated.

        Raises:
            ValueError: what this format cannot hold.
        """

    def files(self, path: Path) -> Sequence[Path]:
        """The files that a scan consists of: its own, unless `path` names a series or a part of a file."""
        return (path,)


def check(scan: Scan) -> str | None:
    """The reason why a decoded scan is of no use for training; None for a good one."""
    pixels = scan.slices
    if pixels.size == 0:
        return "holds no pixels"
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        bad = pixels.size - int(np.isfinite(pixels).sum())
        return f"{bad:,} of {pixels.size:,} pixels are NaN or infinite"
    low = pixels.min()
    if low == pixels.max():
        return f"constant: every pixel is {low:g}"
    return None


def read_bytes(path: Path, count: int = -1) -> bytes:
    """The first `count` bytes of a file (-1 = all). Raises UnreadableScan with a plain reason."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(count)
    except FileNotFoundError:
        raise UnreadableScan(path, "no such file") from None
    except OSError as error:
        raise UnreadableScan(path, f"cannot be opened: {error.strerror or error}") from None
    if not data:
        raise UnreadableScan(path, "empty file (0 bytes)")
    return data


# The types that stay; what is narrower or wider takes the nearest of them.
_TYPES: dict[str, np.dtype[Any]] = {
    "b1": np.dtype(np.uint8),
    "u1": np.dtype(np.uint8),
    "i1": np.dtype(np.int16),
    "i2": np.dtype(np.int16),
    "u2": np.dtype(np.uint16),
    "i4": np.dtype(np.int32),
    "u4": np.dtype(np.int32),
    "i8": np.dtype(np.int32),
    "u8": np.dtype(np.int32),
    "f2": np.dtype(np.float32),
    "f4": np.dtype(np.float32),
    "f8": np.dtype(np.float32),
}


def read_type(stored: np.dtype[Any]) -> np.dtype[Any] | None:
    """The type that numbers stored as `stored` are read as; None for what is not read."""
    return _TYPES.get(stored.str[1:])


def read_as(path: Path, stored: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Stored numbers in the type they are read as. Raises UnreadableScan for integers beyond it."""
    if dtype.kind == "i" and stored.dtype.kind in "iu" and stored.dtype.itemsize >= 4 and stored.size:
        limits = np.iinfo(dtype)
        if not (limits.min <= int(stored.min()) and int(stored.max()) <= limits.max):
            raise UnreadableScan(path, f"holds whole numbers beyond {limits.bits} bits")
    with np.errstate(over="ignore", invalid="ignore"):  # becomes infinite or NaN, and is told as such
        return stored.astype(dtype)


def keep_stored(stored: np.ndarray, read: np.ndarray, now: np.ndarray, back: np.ndarray) -> np.ndarray:
    """`back`, but the stored number itself wherever its value is still the one that was read.

    Args:
        stored: what the file held.
        read: its values as they were read, perhaps rounded.
        now: the values to be written.
        back: these as the file stores them.
    """
    same = (read == now) | (np.isnan(read) & np.isnan(now)) if read.dtype.kind == "f" else read == now
    return np.where(same, stored, back)


def as_type(pixels: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Pixels in another type; into integers they are rounded and clipped, never wrapped around."""
    dtype = np.dtype(dtype)
    if pixels.dtype == dtype:
        return pixels
    if dtype.kind not in "iu":
        return pixels.astype(dtype)
    limits = np.iinfo(dtype)
    rounded = np.rint(pixels) if pixels.dtype.kind == "f" else pixels
    return np.clip(rounded.astype(np.float64), limits.min, limits.max).astype(dtype)
