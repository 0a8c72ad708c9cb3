"""Where the slices of DICOM files lie: their order, their pixel size, and how the volume is turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from scanvq.imaging.formats.dicom_values import frames_of, group_items
from scanvq.imaging.formats.format import Plane, Spacing
from scanvq.imaging.formats.orientation import Orientation, orientation

_SAME_PLACE = 1e-3  # millimeters
_PARALLEL = 1e-3  # of a direction's components
_UNEVEN = 0.1  # of the usual step


@dataclass(frozen=True)
class Place:
    """Where a slice lies in the patient, in millimeters toward left, back and head."""

    position: tuple[float, ...]
    directions: tuple[float, ...]
    spacing: Spacing


@dataclass(frozen=True)
class Stack:
    """Slices in the order of their positions along the normal.

    Attributes:
        order: the number of the slice that comes first, second, ...
        affine: (4, 4), from (slice, row, column) to millimeters toward right, front and head.
        even: whether all steps between slices are the same.
    """

    order: tuple[int, ...]
    affine: np.ndarray
    even: bool

    def turn(self, plane: Plane) -> Orientation:
        return orientation(self.affine, plane)

    def spacing(self, plane: Plane) -> Spacing:
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        _, rows, columns = self.turn(plane).order
        return float(lengths[rows]), float(lengths[columns])

    def cuts_across(self, plane: Plane) -> bool:
        """Whether a slice of this plane goes through several of the stack's."""
        return self.turn(plane).order[0] != 0


class NoStackError(ValueError):
    """Slices that do not lie one behind the other; the message says why."""


def places_of(data: Dataset) -> list[Place] | None:
    """The place of every frame; None where the header does not say all of them."""
    size = spacing_of(data)
    if frames_of(data) == 1 and data.get("ImagePositionPatient"):
        positions: Sequence[Dataset] = [data]
        turns: Sequence[Dataset] = [data]
    else:
        positions = group_items(data, "PlanePositionSequence")
        turns = group_items(data, "PlaneOrientationSequence")
    if size is None or len(positions) != frames_of(data) or not turns:
        return None
    turns = turns if len(turns) == len(positions) else [turns[0]] * len(positions)
    places = []
    for where, turn in zip(positions, turns, strict=True):
        position = _numbers(where, "ImagePositionPatient", 3)
        directions = _numbers(turn, "ImageOrientationPatient", 6)
        if position is None or directions is None or not np.any(_normal(directions)):
            return None
        places.append(Place(position, directions, size))
    return places


def spacing_of(data: Dataset) -> Spacing | None:
    """Millimeters from row to row and column to column: in the patient, else on the detector."""
    measures = group_items(data, "PixelMeasuresSequence")
    for holder, name in (
        (data, "PixelSpacing"),
        *((one, "PixelSpacing") for one in measures[:1]),
        (data, "ImagerPixelSpacing"),
    ):
        size = _numbers(holder, name, 2)
        if size is not None and min(size) > 0:
            return size[0], size[1]
    return None


def stack_of(places: Sequence[Place]) -> Stack:
    """Slices put in order along the normal of the first.

    Raises:
        NoStackError: they are not parallel, differ in pixel size, or share a position.
    """
    first = places[0]
    for one in places[1:]:
        if not np.allclose(one.directions, first.directions, atol=_PARALLEL):
            raise NoStackError("its slices are not parallel (a localizer?); name the files one by one")
        if not np.allclose(one.spacing, first.spacing, rtol=1e-3):
            raise NoStackError("its slices differ in pixel size; name the files one by one")
    normal = _normal(first.directions)
    positions = np.array([one.position for one in places])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    steps = np.diff(along[order])
    if len(steps) and steps.min() < _SAME_PLACE:
        repeated = int((steps < _SAME_PLACE).sum())
        raise NoStackError(
            f"{repeated} of its slices lie where another one lies (several echoes or times?); split it first"
        )
    usual = float(np.median(steps)) if len(steps) else 1.0
    across = np.array(first.directions[:3]) * first.spacing[1]  # from column to column
    down = np.array(first.directions[3:]) * first.spacing[0]  # from row to row
    step = normal * usual
    if len(steps):
        step = (positions[order[-1]] - positions[order[0]]) / len(steps)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([step, down, across], axis=1)
    affine[:3, 3] = positions[order[0]]
    affine[:2] *= -1  # left and back become right and front
    even = not len(steps) or bool(np.all(np.abs(steps - usual) <= _UNEVEN * usual))
    return Stack(tuple(int(number) for number in order), affine, even)


def _normal(directions: Sequence[float]) -> np.ndarray:
    return np.cross(directions[:3], directions[3:])


def _numbers(data: Dataset, name: str, count: int) -> tuple[float, ...] | None:
    """Finite numbers of an element; None where it is missing, or something else."""
    try:
        found = tuple(float(number) for number in data.get(name) or ())
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and np.isfinite(found).all() else None
