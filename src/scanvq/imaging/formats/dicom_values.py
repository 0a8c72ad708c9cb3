"""What the stored numbers of a DICOM file mean, and back: MONOCHROME1, rescale, color that is gray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut

from scanvq.imaging.formats.format import PIXEL_LIMIT, UnreadableScan, as_type, keep_stored, read_as
from scanvq.imaging.formats.pixels import gray

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLORS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_TOLERANCE = 10  # gray saved as color with loss comes back slightly tinted
_WHOLE = tuple(np.dtype(name) for name in ("uint8", "uint16", "int16", "int32"))
_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True)
class Values:
    """How the numbers of one file are stored.

    Attributes:
        stored: their type in the file.
        inverted: white is low (MONOCHROME1): they are read as their distance from the highest.
        top: highest plus lowest number that the stored bits can hold.
        scales: slope and intercept of every frame, or of all of them.
        color: they are colors or numbers of a palette, which are read where all of them are gray.
    """

    stored: np.dtype[Any]
    inverted: bool
    top: int
    scales: tuple[tuple[float, float], ...]
    color: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest type that holds every value exactly, or float32."""
        if self.stored.kind == "f" or any(number != round(number) for pair in self.scales for number in pair):
            return _FLOAT32
        limits = np.iinfo(self.stored)
        ends = [int(limits.min), int(limits.max)]
        if self.inverted:
            ends = [self.top - end for end in ends]
        reached = [end * int(slope) + int(intercept) for end in ends for slope, intercept in self.scales]
        for one in _WHOLE:
            if np.iinfo(one).min <= min(reached) and max(reached) <= np.iinfo(one).max:
                return one
        same = set(self.scales) == {(1.0, 0.0)} and not self.inverted
        return np.dtype(np.int32) if same else _FLOAT32

    @property
    def exact(self) -> bool:
        """Whether every stored number follows from its value."""
        plain = self.stored == _FLOAT32 and set(self.scales) == {(1.0, 0.0)}
        return plain or self.dtype.kind in "iu"

    def read(self, path: Path, stored: np.ndarray) -> np.ndarray:
        """Stored numbers (n, H, W) as values. Raises UnreadableScan for integers beyond 32 bits."""
        if set(self.scales) == {(1.0, 0.0)} and not self.inverted:
            return read_as(path, stored, self.dtype)
        values = stored.astype(np.float64)
        if self.inverted:
            values = self.top - values
        slope, intercept = self._columns()
        with np.errstate(over="ignore", invalid="ignore"):  # becomes infinite or NaN, and is told as such
            return (values * slope + intercept).astype(self.dtype)

    def store(self, values: np.ndarray, stored: np.ndarray | None) -> np.ndarray:
        """Values (n, H, W) as stored numbers; those that are as they were read stay what they were."""
        slope, intercept = self._columns()
        numbers = (values.astype(np.float64) - intercept) / slope
        back = as_type(self.top - numbers if self.inverted else numbers, self.stored)
        if stored is None:
            return back
        return keep_stored(stored, self.read(Path(), stored), values, back).astype(self.stored)

    def _columns(self) -> tuple[np.ndarray, np.ndarray]:
        scales = np.array(self.scales, np.float64)
        return scales[:, 0, None, None], scales[:, 1, None, None]


def values_of(path: Path, data: Dataset, name: str) -> Values:
    """How a file's numbers are stored; `name` is told where a series holds many. Raises UnreadableScan."""
    kind, samples = str(data.get("PhotometricInterpretation", "MONOCHROME2")), samples_of(data)
    if "ModalityLUTSequence" in data:
        raise UnreadableScan(path, f"{name} has its values in a table (Modality LUT); save it with a rescale")
    if kind == "PALETTE COLOR" or (kind in COLORS and samples == 3):
        return Values(np.dtype(np.uint8), False, 255, ((1.0, 0.0),), True)
    if kind not in MONOCHROME or samples != 1:
        raise UnreadableScan(
            path, f"{name} holds colors ({kind}, {samples} samples a pixel); only gray is read"
        )
    if "FloatPixelData" in data or "DoubleFloatPixelData" in data:
        wide = "DoubleFloatPixelData" in data
        return Values(
            np.dtype(np.float64 if wide else np.float32), False, 0, _scales(path, data, name), False
        )
    bits = int(data.BitsAllocated)
    if bits not in (1, 8, 16, 32):
        raise UnreadableScan(path, f"{name} has {bits} bits a pixel; 1, 8, 16 and 32 are read")
    signed = bool(data.get("PixelRepresentation", 0))
    stored = np.dtype(f"{'int' if signed else 'uint'}{max(bits, 8)}")
    held = int(data.get("BitsStored", bits))
    top = -1 if signed else 2**held - 1
    return Values(stored, kind == "MONOCHROME1", top, _scales(path, data, name), False)


def stored_numbers(path: Path, data: Dataset, values: Values) -> np.ndarray:
    """The numbers of a file as stored, (n, H, W), decoded; of colors the gray that they are."""
    found = pixel_array(data)
    shape = (frames_of(data), int(data.Rows), int(data.Columns))
    if not values.color:
        return found.reshape(shape).astype(values.stored, copy=False)
    if data.PhotometricInterpretation == "PALETTE COLOR":
        found = apply_color_lut(found, data)
    if found.dtype != np.uint8:
        found = (found >> 8).astype(np.uint8)  # a palette of 16 bits
    colors = found.reshape(*shape, -1)[..., :3]
    return np.stack([gray(path, frame, tolerance=_TOLERANCE) for frame in colors])


def frames_of(data: Dataset) -> int:
    return int(data.get("NumberOfFrames", 1) or 1)


def samples_of(data: Dataset) -> int:
    return int(data.get("SamplesPerPixel", 1) or 1)


def check_claims(path: Path, data: Dataset, name: str) -> None:
    """Refuses a header without a picture, or with more pixels than any scan has."""
    if not has_picture(data):
        kind = getattr(data.get("SOPClassUID"), "name", None) or data.get("Modality") or "unknown kind"
        raise UnreadableScan(path, f"{name} is DICOM without a picture ({str(kind)[:60]})")
    rows, columns, frames = int(data.Rows), int(data.Columns), frames_of(data)
    if min(rows, columns, frames) < 1:
        raise UnreadableScan(path, f"{name} holds no pixels ({frames}x{rows}x{columns})")
    if rows * columns * frames * samples_of(data) > PIXEL_LIMIT:
        raise UnreadableScan(path, f"{name} claims {frames}x{rows}x{columns} pixels, more than any scan has")


def has_picture(data: Dataset) -> bool:
    return bool(data.get("Rows")) and bool(data.get("Columns"))


def _scales(path: Path, data: Dataset, name: str) -> tuple[tuple[float, float], ...]:
    """Slope and intercept: the file's own, or every frame's out of its functional groups."""
    if "RescaleSlope" in data or "RescaleIntercept" in data:
        found = [(data.get("RescaleSlope"), data.get("RescaleIntercept"))]
    else:
        found = [
            (one.get("RescaleSlope"), one.get("RescaleIntercept"))
            for one in group_items(data, "PixelValueTransformationSequence")
        ]
    scales = {}
    for number, (slope, intercept) in enumerate(found or [(None, None)]):
        scales[number] = (float(1 if slope is None else slope), float(intercept or 0))
        if not np.isfinite(scales[number]).all() or scales[number][0] == 0:
            raise UnreadableScan(path, f"{name} has the rescale slope {slope}: its values are lost")
    several = tuple(scales.values())
    return several[:1] if len(set(several)) == 1 else several


def group_items(data: Dataset, name: str) -> Sequence[Dataset]:
    """A functional group of an enhanced file: of every frame, or the one that all of them share."""
    each = [
        frame[name].value[0]
        for frame in data.get("PerFrameFunctionalGroupsSequence") or ()
        if frame.get(name)
    ]
    if each and len(each) == frames_of(data):
        return each
    shared = data.get("SharedFunctionalGroupsSequence") or ()
    return [shared[0][name].value[0]] if shared and shared[0].get(name) else []
