"""DICOM: one file, or a folder of files that are one series; written back with its own header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydicom.dataset import FileDataset

from scanvq.imaging.formats.dicom_files import SUFFIXES, is_series, plainly, read_dataset, series_files
from scanvq.imaging.formats.dicom_geometry import NoStackError, Stack, places_of, spacing_of, stack_of
from scanvq.imaging.formats.dicom_values import Values, check_claims, frames_of, stored_numbers, values_of
from scanvq.imaging.formats.dicom_writing import encoded, new_dataset, without_pixels
from scanvq.imaging.formats.format import (
    Format,
    Header,
    Plane,
    Provenance,
    Scan,
    Spacing,
    UnreadableScan,
)
from scanvq.imaging.formats.orientation import directions
from scanvq.storage.files import write_bytes


class Dicom(Format):
    """A file of one or many frames, or a series: the files of a folder (or FOLDER/SERIES UID).

    Slices with positions are a volume, put in order along their normal and cut along `plane`; a single
    slice, and frames without positions, show as stored. Values are rescaled, and MONOCHROME1 is inverted.
    `properties`: every file's header, and its stored numbers where values are rounded. Written files are
    not compressed. Marked ones have new UIDs and say in their header what they are; tags of the patient stay.
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES

    def header(self, path: Path, *, plane: Plane = "axial") -> Header:
        with plainly(path):
            series = _Series.of(path, [read_dataset(file, pixels=False) for file in _files(path)])
            slices, height, width = series.view(plane)
            return Header(
                slices=slices,
                height=height,
                width=width,
                dtype=series.dtype,
                spacing=series.spacing(plane),
                orientation=None if series.stack is None else directions(series.stack.affine),
                remarks=series.remarks,
            )

    def read(self, path: Path, *, plane: Plane = "axial") -> Scan:
        with plainly(path):
            files = _files(path)
            series = _Series.of(path, [read_dataset(file, pixels=True) for file in files])
            series.view(plane)
            stored = [
                stored_numbers(path, data, how)
                for data, how in zip(series.datasets, series.values, strict=True)
            ]
            read = [how.read(path, one) for how, one in zip(series.values, stored, strict=True)]
            frames = np.concatenate([one.astype(series.dtype, copy=False) for one in read])
            properties = {
                "plane": plane,
                "names": tuple(file.name for file in files) if is_series(path) else None,
                "datasets": tuple(without_pixels(data) for data in series.datasets),
                "stored": tuple(
                    None if how.exact else one.tobytes()
                    for how, one in zip(series.values, stored, strict=True)
                ),
            }
            return Scan(
                slices=series.show(frames, plane), spacing=series.spacing(plane), properties=properties
            )

    def write(self, path: Path, scan: Scan, provenance: Provenance | None = None) -> None:
        reported: dict[str, Any] = scan.properties
        datasets = reported["datasets"] if "datasets" in reported else (new_dataset(scan),)
        plane: Plane = reported.get("plane", "axial")
        series = _Series.of(path, datasets)
        if scan.slices.shape != series.view(plane):
            raise ValueError(
                f"slices have shape {scan.slices.shape}; the files' headers say {series.view(plane)}"
            )
        frames = series.hide(scan.slices, plane)
        start, contents = 0, []
        for data, how, kept in zip(datasets, series.values, reported.get("stored", (None,)), strict=True):
            own = frames[start : start + frames_of(data)]
            start += len(own)
            before = None if kept is None else np.frombuffer(kept, how.stored).reshape(own.shape)
            contents.append(encoded(data, how, how.store(own, before), provenance))
        names = reported.get("names")
        if names is None:
            write_bytes(path, contents[0])
            return
        path.mkdir(parents=True, exist_ok=True)
        for name, content in zip(names, contents, strict=True):
            write_bytes(path / name, content)

    def files(self, path: Path) -> Sequence[Path]:
        return _files(path)


@dataclass(frozen=True)
class _Series:
    """The headers of a scan's files, and where their slices lie; `stack` is None for slices as stored."""

    path: Path
    datasets: Sequence[FileDataset]
    values: Sequence[Values]
    stack: Stack | None
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, datasets: Sequence[FileDataset]) -> _Series:
        several = len(datasets) > 1
        for data in datasets:
            check_claims(path, data, _reported(data, several))
        values = [values_of(path, data, _reported(data, several)) for data in datasets]
        if len({(int(data.Rows), int(data.Columns)) for data in datasets}) > 1:
            raise UnreadableScan(path, "its slices differ in size; name the files one by one")
        places = [places_of(data) for data in datasets]
        frames = sum(frames_of(data) for data in datasets)
        remarks = ("stored as colors",) if any(how.color for how in values) else ()
        if frames == 1:
            return cls(path, datasets, values, None, remarks)
        if any(one is None for one in places):
            if several:
                raise UnreadableScan(
                    path, "its files do not say where their slices lie; name the files one by one"
                )
            return cls(
                path, datasets, values, None, (*remarks, "frames without positions, kept in their order")
            )
        try:
            stack = stack_of([place for one in places for place in one or ()])
        except NoStackError as error:
            raise UnreadableScan(path, str(error)) from None
        if not stack.even:
            remarks = (*remarks, "slices are missing: the steps between them differ")
        return cls(path, datasets, values, stack, remarks)

    @property
    def dtype(self) -> np.dtype[Any]:
        found = {how.dtype for how in self.values}
        common = np.result_type(*found)
        return np.dtype(np.float32) if common.kind == "f" else common

    def view(self, plane: Plane) -> tuple[int, int, int]:
        """(S, H, W) of the slices of a plane. Raises UnreadableScan where missing slices would tear them."""
        if self.stack is not None and not self.stack.even and self.stack.cuts_across(plane):
            raise UnreadableScan(self.path, f"slices are missing, so they cannot be cut across; {plane} does")
        shape = (
            sum(map(frames_of, self.datasets)),
            int(self.datasets[0].Rows),
            int(self.datasets[0].Columns),
        )
        return shape if self.stack is None else self.stack.turn(plane).shape(shape)

    def spacing(self, plane: Plane) -> Spacing | None:
        return spacing_of(self.datasets[0]) if self.stack is None else self.stack.spacing(plane)

    def show(self, frames: np.ndarray, plane: Plane) -> np.ndarray:
        if self.stack is None:
            return frames
        return np.ascontiguousarray(self.stack.turn(plane).show(frames[list(self.stack.order)]))

    def hide(self, slices: np.ndarray, plane: Plane) -> np.ndarray:
        if self.stack is None:
            return slices
        volume = self.stack.turn(plane).store(slices)
        frames = np.empty_like(volume, order="C")
        frames[list(self.stack.order)] = volume
        return frames


def _files(path: Path) -> Sequence[Path]:
    return series_files(Path(path))


def _reported(data: FileDataset, several: bool) -> str:
    """How a message names a file: one of many by its instance number."""
    return f"its slice {data.get('InstanceNumber', 'without a number')}" if several else "it"
