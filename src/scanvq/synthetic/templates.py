"""The MNI152 template of the demo subjects, from the files of the nilearn package."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BRAIN = (slice(22, 175), slice(23, 212), slice(0, 159))
"""Voxels of the template around the brain, with an empty margin, so that points outside sample zero."""

ORIGIN = np.array([22.0 - 98.0, 23.0 - 134.0, 0.0 - 72.0], dtype=np.float32)
"""Position in mm of the first voxel of `BRAIN`."""

AROUND = 9
"""Side in mm of the neighborhood to which the intensity of a sulcus is compared."""

VENTRICLE_REACH = 6.0
"""Range in mm of the displacement around an enlarged ventricle."""

OUTWARD_SPACING = 3.0
"""Grid spacing in mm of the displacement around the ventricles."""


class MissingTemplatesError(ImportError):
    """The templates are not installed. The message is for the user."""


@dataclass(frozen=True)
class Templates:
    """Tissue scores of the template at 1 mm, and the displacement of tissue by enlarged ventricles.

    Attributes:
        packed: (X, Y, Z) uint32: four bytes per voxel, so that one access reads all four channels:
            white-over-gray score, cerebrospinal fluid score, T1 intensity and brain mask.
        occupied: (X, Y, Z) bool: whether brain is within two voxels.
        outward: (3, X', Y', Z') at 3 mm: displacement away from the lateral ventricles, maximum 1.
        origin: position in mm of the first voxel of all arrays.
    """

    packed: NDArray[np.uint32]
    occupied: NDArray[np.bool_]
    outward: NDArray[np.float32]
    origin: NDArray[np.float32]

    def sample(self, points: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Interpolates the four channels linearly at points.

        Args:
            points: positions in mm, (3, N).

        Returns:
            The indices (M,) of the points in or near the brain, and their channels (4, M) in [0, 255].
        """
        voxels = points - self.origin[:, None]
        shape = np.array(self.packed.shape)[:, None]
        np.clip(voxels, 0, (shape - 1.001).astype(np.float32), out=voxels)
        corner = voxels.astype(np.int32)
        _, rows, columns = self.packed.shape
        number = (corner[0] * rows + corner[1]) * columns + corner[2]
        inside = np.flatnonzero(self.occupied.ravel()[number])
        number = number[inside]
        np.subtract(voxels, corner, out=voxels, casting="same_kind")
        part = voxels[:, inside]
        flat = self.packed.ravel()

        def along_z(offset: int) -> NDArray[np.float32]:
            low = _channels(flat[number + offset])
            high = _channels(flat[number + (offset + 1)])
            return _mix(low, high, part[2])

        near = _mix(along_z(0), along_z(columns), part[1])
        far = _mix(along_z(rows * columns), along_z(rows * columns + columns), part[1])
        return inside, _mix(near, far, part[0])

    def away_from_ventricles(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """The outward displacement (3, N) at points (3, N) in mm; zero far away, at most about 1."""
        voxels = (points - self.origin[:, None]) / OUTWARD_SPACING
        return np.stack(
            [ndimage.map_coordinates(axis, voxels, order=1, mode="constant") for axis in self.outward]
        )


@cache
def load_templates() -> Templates:
    """Reads the templates from the files of the nilearn package; nilearn itself (slow) is not imported.

    Raises:
        MissingTemplatesError: nilearn is not installed.
    """
    intensity, gray, white = (_read(tissue) for tissue in ("t1", "gm", "wm"))
    mask = intensity > 0
    around = ndimage.uniform_filter(intensity.astype(np.float32), AROUND)
    around /= np.maximum(ndimage.uniform_filter(mask.astype(np.float32), AROUND), 1e-3)
    # Sulci of an average brain are shallow: contrast to the neighborhood counts in addition to darkness.
    dark = (140.0 - intensity) + 0.8 * (around - intensity)
    channels = (
        np.where(mask, 127.5 + 0.5 * (white.astype(np.float32) - gray), 127.5),
        np.where(mask, 128.0 + dark, 0.0),
        intensity,
        np.where(mask, 255, 0),
    )
    four = np.empty((*mask.shape, 4), dtype=np.uint8)
    for number, channel in enumerate(channels):
        four[..., number] = np.clip(channel, 0, 255)
    return Templates(
        packed=four.view(np.uint32)[..., 0],
        occupied=ndimage.binary_dilation(mask, iterations=2),
        outward=_outward(mask & (intensity < 120)),
        origin=ORIGIN,
    )


def _read(tissue: str) -> NDArray[np.uint8]:
    import nibabel

    package = importlib.util.find_spec("nilearn")
    if package is None or not package.submodule_search_locations:
        raise MissingTemplatesError(
            'The demo cohort is made from templates in nilearn: pip install "scanvq[demo]"'
        )
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "data"
    path = folder / f"mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz"
    if not path.is_file():
        raise MissingTemplatesError(
            f'The installed nilearn has no {path.name}: pip install --upgrade "scanvq[demo]"'
        )
    image = nibabel.load(path)
    assert isinstance(image, nibabel.Nifti1Image)
    voxels = np.asarray(image.dataobj, dtype=np.uint8)
    return np.ascontiguousarray(voxels[BRAIN])


def _outward(fluid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Negative gradient of the blurred lateral ventricles: largest at their walls, zero far away."""
    parts, _ = ndimage.label(ndimage.binary_opening(fluid))
    left, right = (parts[tuple((np.array([x, 12, 16]) - ORIGIN).astype(int))] for x in (-9, 9))
    ventricles = np.isin(parts, [left, right]) & (parts > 0)
    step = int(OUTWARD_SPACING)
    blurred = ndimage.gaussian_filter(
        ventricles[::step, ::step, ::step].astype(np.float32), VENTRICLE_REACH / OUTWARD_SPACING
    )
    outward = -np.stack(np.gradient(blurred))
    return (outward / np.sqrt((outward**2).sum(0)).max()).astype(np.float32)


def _channels(packed: NDArray[np.uint32]) -> NDArray[np.float32]:
    return packed.view(np.uint8).reshape(-1, 4).T.astype(np.float32, order="C")


def _mix(
    low: NDArray[np.float32], high: NDArray[np.float32], part: NDArray[np.float32]
) -> NDArray[np.float32]:
    high -= low
    high *= part
    high += low
    return high
