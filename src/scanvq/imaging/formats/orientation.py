"""How a stored volume is turned so that its slices show the usual way up, and back."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform

from scanvq.imaging.formats.format import Plane

# Of each plane: the body direction that its slices, rows and columns run to.
_VIEWS: dict[Plane, tuple[str, str, str]] = {
    "axial": ("S", "P", "L"),
    "coronal": ("A", "I", "L"),
    "sagittal": ("R", "I", "P"),
}
PLANES: tuple[Plane, ...] = tuple(_VIEWS)


@dataclass(frozen=True, eq=False)
class Orientation:
    """The turn from stored axes to (slice, row, column).

    Slices run feet to head, back to front, or left to right. On the screen the front or the head is
    up; in axial and coronal slices the patient's right is on the left (as radiologists look), in
    sagittal ones the front is on the left.

    Attributes:
        stored: nibabel's orientation of the stored axes, (3, 2).
        shown: that of the slices, rows and columns.
    """

    stored: np.ndarray
    shown: np.ndarray

    @property
    def order(self) -> tuple[int, int, int]:
        """The stored axis that becomes the slices, the rows, the columns."""
        slices, rows, columns = np.argsort(self._turn[:, 0]).tolist()
        return slices, rows, columns

    def show(self, volume: np.ndarray) -> np.ndarray:
        """A stored volume as (S, H, W), a view."""
        return np.asarray(apply_orientation(volume, self._turn))

    def store(self, slices: np.ndarray) -> np.ndarray:
        """(S, H, W) as the stored volume, a view: the inverse of `show`."""
        return np.asarray(apply_orientation(slices, ornt_transform(self.shown, self.stored)))

    def shape(self, stored: tuple[int, ...]) -> tuple[int, int, int]:
        """(S, H, W) of a volume stored with this shape."""
        slices, height, width = (stored[axis] for axis in self.order)
        return slices, height, width

    @property
    def _turn(self) -> np.ndarray:
        return np.asarray(ornt_transform(self.stored, self.shown))


def orientation(affine: np.ndarray, plane: Plane) -> Orientation:
    """The turn of a volume whose affine (4, 4) maps voxels to millimeters toward right, front, head.

    An oblique volume is cut along its own axes, the ones nearest to the plane. One with a useless
    affine counts as stored right, front, head.
    """
    if plane not in _VIEWS:
        raise ValueError(f"plane is {plane!r}; it must be one of {', '.join(PLANES)}")
    stored = nib.io_orientation(affine) if np.isfinite(affine).all() else np.full((3, 2), np.nan)
    if np.isnan(stored).any():
        stored = axcodes2ornt("RAS")
    return Orientation(stored=stored, shown=axcodes2ornt(_VIEWS[plane]))


def directions(affine: np.ndarray) -> str | None:
    """The body directions nearest to the stored axes, such as "RAS"; None where the affine is useless."""
    if not np.isfinite(affine).all():
        return None
    letters = nib.aff2axcodes(affine)
    return None if None in letters else "".join(map(str, letters))


def plane_of_slice(affine: np.ndarray, axis: int) -> Plane:
    """The plane of a single slice that is one voxel thick along a stored axis."""
    return next(plane for plane in PLANES if orientation(affine, plane).order[0] == axis)
