"""DICOM: one file, or a folder with one series; written back with the original headers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydicom.dataset import FileDataset

from scanvq.imaging.formats.dicom_files import SUFFIXES, dicom_errors, is_series, read_dataset, series_files
from scanvq.imaging.formats.dicom_geometry import (
    NoStackError,
    Stack,
    image_planes,
    pixel_spacing,
    placed_frames,
    stack_planes,
)
from scanvq.imaging.formats.dicom_values import (
    PixelEncoding,
    check_header,
    frame_count,
    pixel_encoding,
    stored_values,
)
from scanvq.imaging.formats.dicom_writing import drop_pixels, file_bytes, is_synthesized, new_dataset
from scanvq.imaging.formats.format import Format, Header, Plane, Provenance, Scan, Spacing
from scanvq.imaging.formats.orientation import MOST_SKEW, axis_codes
from scanvq.imaging.formats.reading import UnreadableScan
from scanvq.storage.files import write_bytes


class Dicom(Format):
    """A file of one or many frames, or a series: the files of a folder (or FOLDER/SERIES UID).

    Slices with positions form a volume, ordered along their normal and sliced along `plane`; a single slice,
    and frames without positions, are shown as stored. Values are rescaled, and MONOCHROME1 is inverted.
    `properties`: the header of every file, and its stored numbers if values are rounded. Written files are
    uncompressed. Generated files have new UIDs and their provenance in the header; patient tags are kept.
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES
    dtypes: ClassVar[tuple[str, ...]] = ("uint8", "uint16", "int16")

    def _header(self, path: Path, plane: Plane) -> Header:
        with dicom_errors(path):
            series = _Series.of(path, [read_dataset(file, pixels=False) for file in _files(path)])
            slices, height, width = series.view(plane)
            return Header(
                slices=slices,
                height=height,
                width=width,
                dtype=series.dtype,
                spacing=series.spacing(plane),
                orientation=None if series.stack is None else axis_codes(series.stack.affine),
                remarks=series.remarks,
            )

    def _read(self, path: Path, plane: Plane) -> Scan:
        with dicom_errors(path):
            files = _files(path)
            series = _Series.of(path, [read_dataset(file, pixels=True) for file in files])
            series.view(plane)
            stored = [
                stored_values(path, data, encoding)
                for data, encoding in zip(series.datasets, series.encodings, strict=True)
            ]
            read = [
                encoding.read(path, numbers)
                for encoding, numbers in zip(series.encodings, stored, strict=True)
            ]
            frames = np.concatenate([values.astype(series.dtype, copy=False) for values in read])
            properties = {
                "plane": plane,
                "names": tuple(file.name for file in files) if is_series(path) else None,
                "datasets": tuple(drop_pixels(data) for data in series.datasets),
                "stored": tuple(
                    None if encoding.exact else numbers.tobytes()
                    for encoding, numbers in zip(series.encodings, stored, strict=True)
                ),
            }
            return Scan(
                slices=series.to_slices(frames, plane), spacing=series.spacing(plane), properties=properties
            )

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        properties: dict[str, Any] = scan.properties
        datasets = properties["datasets"] if "datasets" in properties else (new_dataset(scan),)
        plane: Plane = properties.get("plane", "axial")
        series = _Series.of(path, datasets)
        if scan.slices.shape != series.view(plane):
            raise ValueError(
                f"slices have shape {scan.slices.shape}; the headers of the files have {series.view(plane)}"
            )
        frames = series.to_frames(scan.slices, plane)
        first, contents = 0, []
        stored_bytes = properties.get("stored", (None,))
        for data, encoding, content in zip(datasets, series.encodings, stored_bytes, strict=True):
            values = frames[first : first + frame_count(data)]
            first += len(values)
            stored = (
                None if content is None else np.frombuffer(content, encoding.stored).reshape(values.shape)
            )
            contents.append(file_bytes(data, encoding, encoding.store(values, stored), provenance))
        names = properties.get("names")
        if names is None:
            write_bytes(path, contents[0])
            return
        path.mkdir(parents=True, exist_ok=True)
        for name, content in zip(names, contents, strict=True):
            write_bytes(path / name, content)

    def provenance(self, path: Path) -> Provenance | None:
        try:
            with dicom_errors(path):
                data = read_dataset(_files(path)[0], pixels=False)
        except UnreadableScan:
            return None
        return Provenance.read(f"{data.get('DerivationDescription')} {data.get('SeriesDescription')}")

    def is_synthetic(self, path: Path) -> bool:
        declared = False
        with suppress(UnreadableScan), dicom_errors(path):
            data = read_dataset(_files(path)[0], pixels=False)
            declared = str(data.get("SyntheticData", "")).strip() == "YES" or is_synthesized(data)
        return declared or self.provenance(path) is not None

    def files(self, path: Path) -> Sequence[Path]:
        return _files(path)


@dataclass(frozen=True)
class _Series:
    """The headers and the geometry of the files of a scan; `stack` is None for slices without geometry."""

    path: Path
    datasets: Sequence[FileDataset]
    encodings: Sequence[PixelEncoding]
    stack: Stack | None
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, datasets: Sequence[FileDataset]) -> _Series:
        several = len(datasets) > 1
        for data in datasets:
            check_header(path, data, _display_name(data, several))
        encodings = [pixel_encoding(path, data, _display_name(data, several)) for data in datasets]
        if len({(int(data.Rows), int(data.Columns)) for data in datasets}) > 1:
            raise UnreadableScan(path, "its slices differ in size; name the files one by one")
        if len(patients := {str(data.get("PatientID") or "") for data in datasets}) > 1:
            raise UnreadableScan(
                path, f"its files are of {len(patients)} patients; name the files one by one"
            )
        scaled = [encoding for encoding in encodings if encoding.has_slope]
        if 0 < len(scaled) < len(encodings) and any(each.scales != ((1.0, 0.0),) for each in scaled):
            raise UnreadableScan(
                path,
                f"has a rescale slope for {len(scaled)} of its {len(encodings)} slices; give all or none",
            )
        planes = [image_planes(data) for data in datasets]
        frames = sum(frame_count(data) for data in datasets)
        padding = sorted({encoding.padding for encoding in encodings if encoding.padding is not None})
        remarks = tuple(dict.fromkeys(remark for encoding in encodings for remark in encoding.remarks))
        if any(encoding.color for encoding in encodings):
            remarks = ("stored as colors", *remarks)
        if padding:
            low, high = padding[0]
            numbers = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            remarks = (*remarks, f"stored numbers {numbers} are declared as no data, and are not used")
        if frames == 1:
            return cls(path, datasets, encodings, None, remarks)
        if any(file_planes is None for file_planes in planes):
            if several:
                raise UnreadableScan(path, "its files have no slice positions; name the files one by one")
            placed = sum(map(placed_frames, datasets))
            lacking = f"{frames - placed} of {frames} frames" if 0 < placed < frames else "frames"
            remarks = (*remarks, f"{lacking} without positions, in stored order")
            return cls(path, datasets, encodings, None, remarks)
        try:
            stack = stack_planes([plane for file_planes in planes for plane in file_planes or ()])
        except NoStackError as error:
            raise UnreadableScan(path, str(error)) from None
        if not stack.evenly_spaced:
            remarks = (*remarks, "slices are missing: the steps between slices differ")
        if stack.tilt > MOST_SKEW:
            remarks = (*remarks, f"the stack is tilted by {stack.tilt:.0f} degrees")
        return cls(path, datasets, encodings, stack, remarks)

    @property
    def dtype(self) -> np.dtype[Any]:
        common = np.result_type(*{encoding.dtype for encoding in self.encodings})
        return np.dtype(np.float32) if common.kind == "f" else common

    def view(self, plane: Plane) -> tuple[int, int, int]:
        """(S, H, W) of the slices of a plane. Raises UnreadableScan if they would cross missing slices."""
        if self.stack is not None and not self.stack.evenly_spaced and self.stack.cuts_across(plane):
            raise UnreadableScan(self.path, f"slices are missing, so they cannot be cut across; {plane} does")
        if self.stack is not None and self.stack.tilt > MOST_SKEW and self.stack.cuts_across(plane):
            raise UnreadableScan(
                self.path,
                f"its stack is tilted by {self.stack.tilt:.1f} degrees, so {plane} slices would be skewed; "
                "use the plane in which it was acquired, or resample it first",
            )
        shape = (
            sum(map(frame_count, self.datasets)),
            int(self.datasets[0].Rows),
            int(self.datasets[0].Columns),
        )
        return shape if self.stack is None else self.stack.orientation(plane).shape(shape)

    def spacing(self, plane: Plane) -> Spacing | None:
        return pixel_spacing(self.datasets[0]) if self.stack is None else self.stack.spacing(plane)

    def to_slices(self, frames: np.ndarray, plane: Plane) -> np.ndarray:
        if self.stack is None:
            return frames
        return np.ascontiguousarray(self.stack.orientation(plane).to_slices(frames[list(self.stack.order)]))

    def to_frames(self, slices: np.ndarray, plane: Plane) -> np.ndarray:
        if self.stack is None:
            return slices
        volume = self.stack.orientation(plane).to_stored(slices)
        frames = np.empty_like(volume, order="C")
        frames[list(self.stack.order)] = volume
        return frames


def _files(path: Path) -> Sequence[Path]:
    return series_files(Path(path))


def _display_name(data: FileDataset, several: bool) -> str:
    """The name of a file in messages: its instance number if the scan has several files."""
    return f"its slice {data.get('InstanceNumber', 'without a number')}" if several else "it"
