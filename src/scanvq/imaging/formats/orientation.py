"""Reorientation of a stored volume into slices in display orientation, and its inverse."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform

from scanvq.imaging.formats.format import Plane

# Plane -> the body directions of its slice, row and column axes.
_DISPLAY_AXES: dict[Plane, tuple[str, str, str]] = {
    "axial": ("S", "P", "L"),
    "coronal": ("A", "I", "L"),
    "sagittal": ("R", "I", "P"),
}
PLANES: tuple[Plane, ...] = tuple(_DISPLAY_AXES)


MOST_SKEW = 1.0
"""Degrees; rounding of positions and directions stays far below."""


@dataclass(frozen=True, eq=False)
class Orientation:
    """The map from stored axes to (slice, row, column) in display orientation.

    Slices run inferior to superior, posterior to anterior, or left to right. Anterior or superior is up.
    Axial and coronal slices have the patient's right on the left (radiological convention), sagittal slices
    have anterior on the left.

    Attributes:
        stored: nibabel orientation of the stored axes, (3, 2).
        displayed: nibabel orientation of the slice, row and column axes, (3, 2).
    """

    stored: np.ndarray
    displayed: np.ndarray

    @property
    def order(self) -> tuple[int, int, int]:
        """The stored axes of slices, rows and columns."""
        slices, rows, columns = np.argsort(self._transform[:, 0]).tolist()
        return slices, rows, columns

    def to_slices(self, volume: np.ndarray) -> np.ndarray:
        """A stored volume as (S, H, W), a view."""
        return np.asarray(apply_orientation(volume, self._transform))

    def to_stored(self, slices: np.ndarray) -> np.ndarray:
        """(S, H, W) as the stored volume, a view: the inverse of `to_slices`."""
        return np.asarray(apply_orientation(slices, ornt_transform(self.displayed, self.stored)))

    def shape(self, stored: tuple[int, ...]) -> tuple[int, int, int]:
        """(S, H, W) of a volume with the stored shape."""
        slices, height, width = (stored[axis] for axis in self.order)
        return slices, height, width

    @property
    def _transform(self) -> np.ndarray:
        return np.asarray(ornt_transform(self.stored, self.displayed))


def orientation_of(affine: np.ndarray, plane: Plane) -> Orientation:
    """The orientation of a volume whose affine (4, 4) maps voxels to RAS millimeters.

    An oblique volume is sliced along its stored axes nearest to the plane. An invalid affine counts as RAS.
    """
    if plane not in _DISPLAY_AXES:
        raise ValueError(f"plane is {plane!r}; it must be one of {', '.join(PLANES)}")
    stored = nib.io_orientation(affine) if np.isfinite(affine).all() else np.full((3, 2), np.nan)
    if np.isnan(stored).any():
        stored = axcodes2ornt("RAS")
    return Orientation(stored=stored, displayed=axcodes2ornt(_DISPLAY_AXES[plane]))


def axis_codes(affine: np.ndarray) -> str | None:
    """The axis codes nearest to the stored axes, such as "RAS"; None for an invalid affine."""
    if not np.isfinite(affine).all():
        return None
    letters = nib.aff2axcodes(affine)
    return None if None in letters else "".join(map(str, letters))


def skew(affine: np.ndarray, plane: Plane) -> float:
    """Degrees by which rows and columns of the slices of a plane are not perpendicular; 0 if unknown."""
    _, rows, columns = orientation_of(affine, plane).order
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not lengths.all():
        return 0.0
    cosine = affine[:3, rows] @ affine[:3, columns] / (lengths[rows] * lengths[columns])
    return float(np.degrees(np.arcsin(np.clip(abs(cosine), 0, 1))))


def plane_of_slice(affine: np.ndarray, axis: int) -> Plane:
    """The plane of a volume that is one voxel thick along a stored axis."""
    return next(plane for plane in PLANES if orientation_of(affine, plane).order[0] == axis)
