"""Geometry of DICOM slices: image planes, slice order, pixel spacing and the affine of the volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from scanvq.imaging.formats.dicom_values import frame_count, functional_group
from scanvq.imaging.formats.format import Plane, Spacing
from scanvq.imaging.formats.orientation import Orientation, orientation_of

_POSITION_TOLERANCE = 1e-3  # millimeters
_DIRECTION_TOLERANCE = 1e-3  # of direction cosines
_STEP_TOLERANCE = 0.1  # relative to the median step


@dataclass(frozen=True)
class ImagePlane:
    """The image plane of a slice in patient coordinates (LPS, millimeters).

    Attributes:
        position: ImagePositionPatient.
        directions: ImageOrientationPatient, direction cosines of row and column.
        spacing: millimeters between rows and between columns.
    """

    position: tuple[float, ...]
    directions: tuple[float, ...]
    spacing: Spacing


@dataclass(frozen=True)
class Stack:
    """A stack of parallel slices, ordered by position along the normal.

    Attributes:
        order: indices of the slices in order of position.
        affine: (4, 4), from (slice, row, column) to RAS millimeters.
        evenly_spaced: whether all steps between slices are equal.
        tilt: degrees between the normal of the slices and the line of their positions (a tilted gantry).
    """

    order: tuple[int, ...]
    affine: np.ndarray
    evenly_spaced: bool
    tilt: float = 0.0

    def orientation(self, plane: Plane) -> Orientation:
        """The orientation in which slices of a plane are displayed."""
        return orientation_of(self.affine, plane)

    def spacing(self, plane: Plane) -> Spacing:
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        _, rows, columns = self.orientation(plane).order
        return float(lengths[rows]), float(lengths[columns])

    def cuts_across(self, plane: Plane) -> bool:
        """Whether slices of this plane intersect several acquired slices."""
        return self.orientation(plane).order[0] != 0


class NoStackError(ValueError):
    """Slices that do not form a stack; the message has the reason."""


def image_planes(data: Dataset) -> list[ImagePlane] | None:
    """The image plane of every frame; None if the header lacks any of them."""
    size = pixel_spacing(data)
    if frame_count(data) == 1 and data.get("ImagePositionPatient"):
        positions: Sequence[Dataset] = [data]
        orientations: Sequence[Dataset] = [data]
    else:
        positions = functional_group(data, "PlanePositionSequence")
        orientations = functional_group(data, "PlaneOrientationSequence")
    if size is None or len(positions) != frame_count(data) or not orientations:
        return None
    if len(orientations) != len(positions):
        orientations = [orientations[0]] * len(positions)
    planes = []
    for position_item, orientation_item in zip(positions, orientations, strict=True):
        position = _numbers(position_item, "ImagePositionPatient", 3)
        directions = _numbers(orientation_item, "ImageOrientationPatient", 6)
        if position is None or directions is None or not np.any(_normal(directions)):
            return None
        planes.append(ImagePlane(position, directions, size))
    return planes


def placed_frames(data: Dataset) -> int:
    """How many frames of a file have a position of their own."""
    frames = data.get("PerFrameFunctionalGroupsSequence") or ()
    return sum(bool(frame.get("PlanePositionSequence")) for frame in frames)


def pixel_spacing(data: Dataset) -> Spacing | None:
    """Millimeters between rows and between columns: in the patient, else on the detector.

    Frames of different pixel sizes have none in common: None.
    """
    measures = functional_group(data, "PixelMeasuresSequence")
    sizes = {_numbers(measure, "PixelSpacing", 2) for measure in measures}
    if len(sizes) > 1:
        return None
    for item, name in (
        (data, "PixelSpacing"),
        *((measure, "PixelSpacing") for measure in measures[:1]),
        (data, "ImagerPixelSpacing"),
    ):
        size = _numbers(item, name, 2)
        if size is not None and min(size) > 0:
            return size[0], size[1]
    return None


def stack_planes(planes: Sequence[ImagePlane]) -> Stack:
    """Orders slices along the normal of the first one.

    Raises:
        NoStackError: they are not parallel, differ in pixel size, or share a position.
    """
    first = planes[0]
    for plane in planes[1:]:
        if not np.allclose(plane.directions, first.directions, atol=_DIRECTION_TOLERANCE):
            raise NoStackError("its slices are not parallel (a localizer?); name the files one by one")
        if not np.allclose(plane.spacing, first.spacing, rtol=1e-3):
            raise NoStackError("its slices differ in pixel size; name the files one by one")
    normal = _normal(first.directions)
    positions = np.array([plane.position for plane in planes])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    steps = np.diff(along[order])
    if len(steps) and steps.min() < _POSITION_TOLERANCE:
        repeated = int((steps < _POSITION_TOLERANCE).sum())
        raise NoStackError(
            f"{repeated} of its slices share a position (several echoes or times?); split it first"
        )
    typical_step = float(np.median(steps)) if len(steps) else 1.0
    across = np.array(first.directions[:3]) * first.spacing[1]  # from column to column
    down = np.array(first.directions[3:]) * first.spacing[0]  # from row to row
    step = normal * typical_step
    if len(steps):
        step = (positions[order[-1]] - positions[order[0]]) / len(steps)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([step, down, across], axis=1)
    affine[:3, 3] = positions[order[0]]
    affine[:2] *= -1  # LPS to RAS
    evenly_spaced = not len(steps) or bool(
        np.all(np.abs(steps - typical_step) <= _STEP_TOLERANCE * typical_step)
    )
    length = float(np.linalg.norm(step) * np.linalg.norm(normal))
    cosine = float(step @ normal) / length if length else 1.0
    tilt = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return Stack(tuple(int(number) for number in order), affine, evenly_spaced, tilt)


def _normal(directions: Sequence[float]) -> np.ndarray:
    return np.cross(directions[:3], directions[3:])


def _numbers(data: Dataset, name: str, count: int) -> tuple[float, ...] | None:
    """The finite numbers of an element; None if it is missing or invalid."""
    try:
        values = tuple(float(number) for number in data.get(name) or ())
    except (TypeError, ValueError):
        return None
    return values if len(values) == count and np.isfinite(values).all() else None
