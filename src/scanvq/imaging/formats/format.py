"""The abstract file format: scans are read with the properties needed to write them back unchanged."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from scanvq.imaging.formats.reading import UnreadableScan, read_bytes, reading

Plane = Literal["axial", "coronal", "sagittal"]

Spacing = tuple[float, float]

Source = Literal["scan", "synthetic"]
_SOURCES: dict[Source, str] = {"scan": "scan", "synthetic": "synth"}  # a NIfTI header has 80 characters

PIXEL_LIMIT = 2**31
"""Files whose header has more pixels are refused before decoding."""

MARK_BYTES = 16_384
"""The provenance of a generated file is within its first bytes."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """Properties of a scan that are known without decoding pixels.

    Attributes:
        slices: number of slices in the requested plane; 1 for an image.
        height: rows of a slice.
        width: columns of a slice.
        dtype: type of the pixels that `read` returns.
        spacing: millimeters between rows and between columns; None if the file has no pixel spacing.
        orientation: axis codes of the stored volume, such as "RAS"; None for images, and if the file has
            none.
        remarks: unusual storage, such as "stored as RGB".
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
    """The pixels of a file in native units.

    Attributes:
        slices: (S, H, W), uint8, uint16, int16, int32 or float32, each slice in display orientation.
        spacing: millimeters between rows and between columns; None if the file has no pixel spacing.
        properties: data that the format needs to write the scan back unchanged; empty for a new scan.
    """

    slices: np.ndarray
    spacing: Spacing | None = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Provenance text of a generated file, which marks it as synthetic.

    Attributes:
        model: content id of the weights, 16 hexadecimal digits.
        seed: seed of the sampling; None if nothing was sampled.
        decoder: "faithful", that of the tokenizer, or "natural", whose texture is invented.
        derived: from what a reconstruction or completion was made: a "scan", or an input that was marked as
            "synthetic" itself; None for created images.
    """

    model: str
    seed: int | None = None
    decoder: str = "faithful"
    derived: Source | None = None

    def __str__(self) -> str:
        seed = "none" if self.seed is None else self.seed
        text = f"SYNTHETIC ScanVQ model={self.model} seed={seed}"
        text += f" of={_SOURCES[self.derived]}" if self.derived else ""
        return text if self.decoder == "faithful" else f"{text} decoder={self.decoder}"

    @classmethod
    def read(cls, text: str) -> Provenance | None:
        """The provenance in a text; None if there is none."""
        match = re.search(
            r"SYNTHETIC ScanVQ model=(\w+) seed=(?:none|(\d+))(?: of=(scan|synth))?"
            r"(?: decoder=(natural|faithful))?",
            text,
            re.ASCII,
        )
        if match is None:
            return None
        return cls(
            model=match[1],
            seed=None if match[2] is None else int(match[2]),
            decoder=match[4] or "faithful",
            derived=next((source for source, name in _SOURCES.items() if name == match[3]), None),
        )


class Format(ABC):
    """A file format.

    `read` puts into `Scan.properties` what `write` needs to give the file back unchanged: a `Scan` with
    properties was read from a file of this format, and `write` keeps that file's type and header; a `Scan`
    without properties is new, and `write` chooses both for its pixels.

    A format implements `_header`, `_read` and `write`. Functions that formats share: in `reading`
    `read_bytes` (errors as UnreadableScan) and bounds on memory; here `read_type`, `read_as` and `as_type`
    (types in memory and in the file), and `preserve_unchanged`; in `pixels` `check_size` (before decoding)
    and `single_slice`; in `storage.files` `write_bytes`, which writes atomically.

    Attributes:
        suffixes: in lower case, with the dot.
        dtypes: types of the pixels that a new file holds without a change of their values or type.
        lossless: whether all pixels are read as they were written.
        single_slice: whether a file holds one slice only; `write` refuses others.
    """

    suffixes: ClassVar[tuple[str, ...]]
    dtypes: ClassVar[tuple[str, ...]]
    lossless: ClassVar[bool] = True
    single_slice: ClassVar[bool] = False

    def header(self, path: Path, *, plane: Plane = "axial") -> Header:
        """Reads size and type without decoding pixels. Raises UnreadableScan, and nothing else."""
        with reading(path):
            return self._header(path, plane)

    def read(self, path: Path, *, plane: Plane = "axial") -> Scan:
        """Reads a scan; `plane` is the slicing plane of a volume, images ignore it.

        Raises:
            UnreadableScan: and nothing else.
        """
        with reading(path):
            return self._read(path, plane)

    @abstractmethod
    def _header(self, path: Path, plane: Plane) -> Header:
        """What `header` returns; errors of libraries become UnreadableScan."""

    @abstractmethod
    def _read(self, path: Path, plane: Plane) -> Scan:
        """What `read` returns; errors of libraries become UnreadableScan."""

    @abstractmethod
    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        """Writes a scan atomically with its properties, and with its provenance if it is generated.

        Raises:
            ValueError: a shape or type that this format cannot hold.
        """

    def provenance(self, path: Path) -> Provenance | None:
        """The provenance of a generated file, from its first bytes; None for other or unreadable files."""
        try:
            return Provenance.read(read_bytes(path, MARK_BYTES).decode("latin-1"))
        except UnreadableScan:
            return None

    def written_files(self, path: Path) -> Sequence[Path]:
        """What `write` makes of a generated scan: `path`, which may be a folder, and files beside it."""
        return (path,)

    def is_synthetic(self, path: Path) -> bool:
        """Whether a file is marked as synthetic, by ScanVQ or in a field that the format has for it."""
        return self.provenance(path) is not None

    def files(self, path: Path) -> Sequence[Path]:
        """The files of a scan: `path`, unless it names a series or a part of a file."""
        return (path,)


def check(scan: Scan) -> str | None:
    """The reason why a decoded scan cannot be used for training; None if it can."""
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


# Stored type -> type in memory: the nearest of the five supported types.
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
    """The type in memory of numbers stored as `stored`; None for unsupported types."""
    return _TYPES.get(stored.str[1:])


def read_as(path: Path, stored: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Stored numbers converted to the type in memory. Raises UnreadableScan for integers out of range."""
    if dtype.kind == "i" and stored.dtype.kind in "iu" and stored.dtype.itemsize >= 4 and stored.size:
        limits = np.iinfo(dtype)
        if not (limits.min <= int(stored.min()) and int(stored.max()) <= limits.max):
            raise UnreadableScan(path, f"holds integers beyond {limits.bits} bits")
    with np.errstate(over="ignore", invalid="ignore"):  # infinite or NaN, which `check` reports
        return stored.astype(dtype)


def preserve_unchanged(
    stored: np.ndarray, read: np.ndarray, values: np.ndarray, encoded: np.ndarray
) -> np.ndarray:
    """Encoded values, except that unchanged pixels keep their stored number bit for bit.

    Args:
        stored: the stored numbers of the file.
        read: their values as they were read, possibly rounded.
        values: the values to be written.
        encoded: `values` in the type and scaling of the file.
    """
    unchanged = read == values
    if read.dtype.kind == "f":
        unchanged |= np.isnan(read) & np.isnan(values)
    return np.where(unchanged, stored, encoded)


def as_type(pixels: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Pixels converted to another type; integers are rounded and clipped, never wrapped."""
    dtype = np.dtype(dtype)
    if pixels.dtype == dtype:
        return pixels
    if dtype.kind not in "iu":
        return pixels.astype(dtype)
    limits = np.iinfo(dtype)
    rounded = np.rint(pixels) if pixels.dtype.kind == "f" else pixels
    return np.clip(rounded.astype(np.float64), limits.min, limits.max).astype(dtype)
