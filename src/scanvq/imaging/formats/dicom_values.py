"""Conversion of stored DICOM pixel values to native units, and back: MONOCHROME1, rescale, RGB to gray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut

from scanvq.imaging.formats.format import PIXEL_LIMIT, as_type, preserve_unchanged, read_as
from scanvq.imaging.formats.pixels import to_gray
from scanvq.imaging.formats.reading import UnreadableScan, check_memory

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLORS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_TOLERANCE = 10  # lossy compression of gray stored as RGB changes the channels slightly
_INTEGER_TYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "int16", "int32"))
_FLOAT32 = np.dtype(np.float32)
_UNSCALED = ((1.0, 0.0),)


@dataclass(frozen=True)
class PixelEncoding:
    """The encoding of the pixel values of one file.

    Attributes:
        stored: dtype in the file.
        inverted: MONOCHROME1, where low is white: values are subtracted from `inversion_sum`.
        inversion_sum: highest plus lowest number of the stored bits.
        scales: rescale slope and intercept of every frame, or one pair for all frames.
        color: RGB or palette colors, which are read if all channels are equal.
        limits: lowest and highest number of the stored bits, which written numbers are clipped to; None for
            floating-point numbers.
        padding: lowest and highest stored number that the header declares as no data; None if it does not.
            These pixels are read as the lowest value of the others, and keep their number when written.
        has_slope: whether the header has a rescale slope or intercept.
        remarks: on rescale slopes that are incomplete or contradict each other.
    """

    stored: np.dtype[Any]
    inverted: bool
    inversion_sum: int
    scales: tuple[tuple[float, float], ...]
    color: bool
    limits: tuple[int, int] | None = None
    padding: tuple[float, float] | None = None
    has_slope: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest integer type that holds every value exactly, else float32."""
        if self.stored.kind == "f" or any(number != round(number) for pair in self.scales for number in pair):
            return _FLOAT32
        limits = np.iinfo(self.stored)
        ends = [int(limits.min), int(limits.max)]
        if self.inverted:
            ends = [self.inversion_sum - end for end in ends]
        reached = [end * int(slope) + int(intercept) for end in ends for slope, intercept in self.scales]
        for dtype in _INTEGER_TYPES:
            if np.iinfo(dtype).min <= min(reached) and max(reached) <= np.iinfo(dtype).max:
                return dtype
        identity = set(self.scales) == {(1.0, 0.0)} and not self.inverted
        return np.dtype(np.int32) if identity else _FLOAT32

    @property
    def exact(self) -> bool:
        """Whether every stored number can be recovered from its value."""
        if self.padding is not None:
            return False
        plain = self.stored == _FLOAT32 and set(self.scales) == {(1.0, 0.0)}
        return plain or self.dtype.kind in "iu"

    def read(self, path: Path, stored: np.ndarray) -> np.ndarray:
        """Stored numbers (n, H, W) as values. Raises UnreadableScan for integers beyond 32 bits."""
        values = self._rescaled(path, stored)
        if self.padding is not None:
            is_padding = self._is_padding(stored)
            if is_padding.any() and not is_padding.all():
                values[is_padding] = values[~is_padding].min()
        return values

    def _is_padding(self, stored: np.ndarray) -> np.ndarray:
        """Which stored numbers are declared as no data."""
        low, high = self.padding or (1, 0)
        return np.asarray((stored >= low) & (stored <= high))

    def _rescaled(self, path: Path, stored: np.ndarray) -> np.ndarray:
        if set(self.scales) == {(1.0, 0.0)} and not self.inverted:
            return read_as(path, stored, self.dtype)  # a copy
        values = stored.astype(np.float64)
        if self.inverted:
            values = self.inversion_sum - values
        slope, intercept = self._slopes_and_intercepts()
        with np.errstate(over="ignore", invalid="ignore"):  # infinite or NaN, which `check` reports
            return (values * slope + intercept).astype(self.dtype)

    def store(self, values: np.ndarray, stored: np.ndarray | None) -> np.ndarray:
        """Values (n, H, W) to stored numbers; unchanged pixels keep their stored number."""
        slope, intercept = self._slopes_and_intercepts()
        numbers = (values.astype(np.float64) - intercept) / slope
        encoded = as_type(self.inversion_sum - numbers if self.inverted else numbers, self.stored)
        if self.limits is not None:
            encoded = encoded.clip(*self.limits).astype(self.stored)
        if stored is None:
            return encoded
        kept = preserve_unchanged(stored, self.read(Path(), stored), values, encoded)
        return np.where(self._is_padding(stored), stored, kept).astype(self.stored)

    def _slopes_and_intercepts(self) -> tuple[np.ndarray, np.ndarray]:
        scales = np.array(self.scales, np.float64)
        return scales[:, 0, None, None], scales[:, 1, None, None]


def pixel_encoding(path: Path, data: Dataset, name: str) -> PixelEncoding:
    """Reads the pixel encoding from a header; `name` is for messages. Raises UnreadableScan."""
    kind, samples = str(data.get("PhotometricInterpretation", "MONOCHROME2")), samples_per_pixel(data)
    if "ModalityLUTSequence" in data:
        raise UnreadableScan(path, f"{name} has a Modality LUT; save it with a rescale slope and intercept")
    if kind == "PALETTE COLOR" or (kind in COLORS and samples == 3):
        return PixelEncoding(np.dtype(np.uint8), False, 255, _UNSCALED, True)
    if kind not in MONOCHROME or samples != 1:
        raise UnreadableScan(
            path, f"{name} holds colors ({kind}, {samples} samples per pixel); only gray is supported"
        )
    if "FloatPixelData" in data or "DoubleFloatPixelData" in data:
        wide = "DoubleFloatPixelData" in data
        stored = np.dtype(np.float64 if wide else np.float32)
        padding = _padding(data, "DoubleFloatPixelPadding" if wide else "FloatPixelPadding", stored)
        return _with_scales(
            PixelEncoding(stored, False, 0, _UNSCALED, False, padding=padding), path, data, name
        )
    bits = int(data.BitsAllocated)
    if bits not in (1, 8, 16, 32):
        raise UnreadableScan(path, f"{name} has {bits} bits per pixel; supported are 1, 8, 16 and 32")
    signed = bool(data.get("PixelRepresentation", 0))
    stored = np.dtype(f"{'int' if signed else 'uint'}{max(bits, 8)}")
    bits_stored = int(data.get("BitsStored", bits))
    if not 1 <= bits_stored <= bits:
        raise UnreadableScan(path, f"{name} stores {bits_stored} bits in {bits}")
    limits = (-(2 ** (bits_stored - 1)), 2 ** (bits_stored - 1) - 1) if signed else (0, 2**bits_stored - 1)
    padding = _padding(data, "PixelPadding", stored)
    encoding = PixelEncoding(stored, kind == "MONOCHROME1", sum(limits), _UNSCALED, False, limits, padding)
    return _with_scales(encoding, path, data, name)


def _padding(data: Dataset, name: str, stored: np.dtype[Any]) -> tuple[float, float] | None:
    """The lowest and highest stored number that mean no data; None if the header declares none."""
    ends = []
    for keyword in (f"{name}Value", f"{name}RangeLimit"):
        value = data.get(keyword)
        if value is None or not np.isscalar(value) or isinstance(value, str | bytes):
            continue
        number = float(np.asarray(value, np.float64))
        if stored.kind == "i" and number > np.iinfo(stored).max:  # written as an unsigned number
            number -= 2.0 ** (8 * stored.itemsize)
        ends.append(number)
    if not ends or data.get(f"{name}Value") is None:
        return None
    return min(ends), max(ends)


def stored_values(path: Path, data: Dataset, encoding: PixelEncoding) -> np.ndarray:
    """The decoded stored numbers of a file, (n, H, W); colors are converted to gray."""
    count = frame_count(data) * int(data.Rows) * int(data.Columns) * samples_per_pixel(data)
    check_memory(path, 2 * count * encoding.stored.itemsize)
    pixels = pixel_array(data)
    shape = (frame_count(data), int(data.Rows), int(data.Columns))
    if not encoding.color:
        return pixels.reshape(shape).astype(encoding.stored, copy=False)
    if data.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
    if pixels.dtype != np.uint8:
        pixels = (pixels >> 8).astype(np.uint8)  # a palette of 16 bits
    colors = pixels.reshape(*shape, -1)[..., :3]
    return np.stack([to_gray(path, frame, tolerance=_TOLERANCE) for frame in colors])


def frame_count(data: Dataset) -> int:
    return int(data.get("NumberOfFrames", 1) or 1)


def samples_per_pixel(data: Dataset) -> int:
    return int(data.get("SamplesPerPixel", 1) or 1)


def check_header(path: Path, data: Dataset, name: str) -> None:
    """Raises UnreadableScan for a header without an image, or with more pixels than the limit."""
    if not has_image(data):
        kind = getattr(data.get("SOPClassUID"), "name", None) or data.get("Modality") or "unknown kind"
        raise UnreadableScan(path, f"{name} is DICOM without an image ({str(kind)[:60]})")
    rows, columns, frames = int(data.Rows), int(data.Columns), frame_count(data)
    if min(rows, columns, frames) < 1:
        raise UnreadableScan(path, f"{name} holds no pixels ({frames}x{rows}x{columns})")
    if rows * columns * frames * samples_per_pixel(data) > PIXEL_LIMIT:
        raise UnreadableScan(path, f"{name} claims {frames}x{rows}x{columns} pixels, more than any scan has")


def has_image(data: Dataset) -> bool:
    return bool(data.get("Rows")) and bool(data.get("Columns"))


def _with_scales(encoding: PixelEncoding, path: Path, data: Dataset, name: str) -> PixelEncoding:
    """The encoding with slope and intercept: of every frame from its functional groups, else of the file."""
    frames = _frame_scales(path, data, name)
    file = [(data.get("RescaleSlope"), data.get("RescaleIntercept"))]
    pairs = frames or (file if file != [(None, None)] else [])
    scales, remarks = [], []
    for slope, intercept in pairs or [(1, 0)]:
        scales.append((float(1 if slope is None else slope), float(intercept or 0)))
        if not np.isfinite(scales[-1]).all() or scales[-1][0] == 0:
            raise UnreadableScan(
                path, f"{name} has the invalid rescale slope {slope} and intercept {intercept}"
            )
        if (slope is None) != (intercept is None):
            missing, used = ("slope", 1) if slope is None else ("intercept", 0)
            remarks.append(f"the rescale {missing} is missing; {used} is used")
    distinct = set(scales)
    if frames and file[0] != (None, None) and any(_differ(pair, file[0]) for pair in frames):
        remarks.append("rescale slopes of frames and of the file differ; those of the frames are used")
    return replace(
        encoding,
        scales=tuple(scales[:1] if len(distinct) == 1 else scales),
        has_slope=bool(pairs),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _differ(frame: tuple[Any, Any], file: tuple[Any, Any]) -> bool:
    return any(
        b is not None and float(b) != float(d if a is None else a)
        for a, b, d in zip(frame, file, (1, 0), strict=True)
    )


def _frame_scales(path: Path, data: Dataset, name: str) -> list[tuple[Any, Any]]:
    """Slope and intercept of every frame, or one pair for all frames.

    Raises:
        UnreadableScan: some frames have none.
    """
    group = "PixelValueTransformationSequence"
    frames = list(data.get("PerFrameFunctionalGroupsSequence") or ())
    having = sum(bool(frame.get(group)) for frame in frames)
    items = functional_group(data, group)
    if having and not items:
        raise UnreadableScan(
            path,
            f"{name} has a rescale slope for {having} of its {frame_count(data)} frames; give all or none",
        )
    return [(item.get("RescaleSlope"), item.get("RescaleIntercept")) for item in items]


def functional_group(data: Dataset, name: str) -> Sequence[Dataset]:
    """A functional group of an enhanced file: one item per frame, or the shared item."""
    shared = data.get("SharedFunctionalGroupsSequence") or ()
    common = shared[0][name].value[0] if shared and shared[0].get(name) else None
    per_frame = [
        frame[name].value[0] if frame.get(name) else common
        for frame in data.get("PerFrameFunctionalGroupsSequence") or ()
    ]
    complete = [item for item in per_frame if item is not None]
    if any(item is not common for item in complete) and len(complete) == frame_count(data):
        return complete
    return [] if common is None else [common]
