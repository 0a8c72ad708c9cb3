"""How a stored volume is turned so that its slices show the usual way up, and back."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np

from scanvq.imaging.formats.format import Plane

# Of each plane: the body axes (0 = left to right, 1 = back to front, 2 = feet to head) that its
# slices, rows and columns follow, and which of them run backwards on the screen.
_VIEWS: dict[Plane, tuple[tuple[int, int, int], tuple[bool, bool, bool]]] = {
    "axial": ((2, 1, 0), (False, True, True)),
    "coronal": ((1, 2, 0), (False, True, True)),
    "sagittal": ((0, 2, 1), (False, True, True)),
}
PLANES: tuple[Plane, ...] = tuple(_VIEWS)


@dataclass(frozen=True)
class Orientation:
    """The turn from stored axes to (slice, row, column).

    Slices run feet to head, back to front, or left to right. On the screen the front or the head is
    up; in axial and coronal slices the patient's right is on the left (as radiologists look), in
    sagittal ones the front is on the left.

    Attributes:
        order: the stored axis that becomes the slices, the rows, the columns.
        flips: which of the three run against the stored order.
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def show(self, volume: np.ndarray) -> np.ndarray:
        """A stored volume as (S, H, W), a view."""
        return volume.transpose(self.order)[self._steps()]

    def store(self, slices: np.ndarray) -> np.ndarray:
        """(S, H, W) as the stored volume, a view: the inverse of `show`."""
        return slices[self._steps()].transpose(np.argsort(self.order))

    def shape(self, stored: tuple[int, ...]) -> tuple[int, int, int]:
        """(S, H, W) of a volume stored with this shape."""
        slices, height, width = (stored[axis] for axis in self.order)
        return slices, height, width

    def _steps(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)


def orientation(affine: np.ndarray, plane: Plane) -> Orientation:
    """The turn of a volume whose affine (4, 4) maps voxels to millimeters toward right, front, head.

    An oblique volume is cut along its own axes, the ones nearest to the plane. One with a useless
    affine counts as stored right, front, head.
    """
    if plane not in _VIEWS:
        raise ValueError(f"plane is {plane!r}; it must be one of {', '.join(PLANES)}")
    along, backward = _VIEWS[plane]
    found = nib.io_orientation(affine) if np.isfinite(affine).all() else np.full((3, 2), np.nan)
    if np.isnan(found).any():
        found = np.array([[0, 1], [1, 1], [2, 1]])
    stored_axis = {int(body): axis for axis, (body, _) in enumerate(found)}
    order = tuple(stored_axis[body] for body in along)
    flips = tuple(bool(back) != bool(found[axis, 1] < 0) for axis, back in zip(order, backward, strict=True))
    return Orientation((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))


def directions(affine: np.ndarray) -> str | None:
    """The body directions nearest to the stored axes, such as "RAS"; None where the affine is useless."""
    if not np.isfinite(affine).all():
        return None
    letters = nib.aff2axcodes(affine)
    return None if None in letters else "".join(map(str, letters))


def plane_of_slice(affine: np.ndarray, axis: int) -> Plane:
    """The plane of a single slice that is one voxel thick along a stored axis."""
    return next(plane for plane in PLANES if orientation(affine, plane).order[0] == axis)
