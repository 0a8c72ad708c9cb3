"""Subject anatomy: a smooth random deformation from subject space to template space, and cortical folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.transform import Rotation

from scanvq.synthetic.templates import Templates

Label = Literal["AD", "NC"]

SPACING = 6.0
"""Node spacing of the B-spline lattice in mm."""

LOW = np.array([-102.0, -138.0, -90.0])
HIGH = np.array([102.0, 102.0, 108.0])
"""Corners in mm of the volume covered by the lattice: a large head with a margin."""

MIDDLE = -18.0
"""Center of the images, in mm anterior to the anterior commissure."""

NODES = tuple(int(n) for n in np.ceil((HIGH - LOW) / SPACING) + 3)

# Node distance in mm, displacement in mm, left-right symmetry: for the shape of head, lobes and folds.
OCTAVES = ((60.0, 2.4, 0.8), (27.0, 1.9, 0.6), (14.0, 1.6, 0.2))


@dataclass(frozen=True)
class Anatomy:
    """The map from subject space to template space, equal for all scans of a subject.

    Attributes:
        affine: (3, 4), from subject to template coordinates in mm.
        lattice: (5, *NODES) cubic B-spline coefficients: displacement in mm, shifts of white matter and fluid
            scores.
        sulci: widening of all sulci, in units of the fluid score.
    """

    affine: NDArray[np.float64]
    lattice: NDArray[np.float32]
    sulci: float

    def slice_map(
        self, *, height: int, width: int, pixel: float, level: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The map of the axial slice at `level` mm, anterior up, with pixels of `pixel` mm.

        Returns:
            Positions in the template in mm (3, H * W), and the score shifts there (2, H * W).
        """
        x = (np.arange(width) - (width - 1) / 2) * pixel
        y = ((height - 1) / 2 - np.arange(height)) * pixel + MIDDLE
        field = _along(3, _weights(np.array([level]), axis=2), self.lattice)
        field = _along(1, _weights(x, axis=0), field)
        field = _along(2, _weights(y, axis=1), field)  # (5, W, H, 1)
        field = np.ascontiguousarray(field[..., 0].swapaxes(1, 2))
        position = field[:3]
        for axis, (along_x, along_y, along_z, offset) in enumerate(self.affine):
            position[axis] += (along_x * x).astype(np.float32)
            position[axis] += (along_y * y + along_z * level + offset).astype(np.float32)[:, None]
        return position.reshape(3, -1), field[3:].reshape(2, -1)


def draw_anatomy(label: Label, templates: Templates, generator: np.random.Generator) -> Anatomy:
    """Samples the anatomy of a subject: AD has larger ventricles and wider sulci; the groups overlap."""
    atrophy = label == "AD"
    growth = float(np.clip(generator.normal(4.2 if atrophy else 0.4, 1.4), -1.5, 6.5))
    sulci = float(np.clip(generator.normal(14.0 if atrophy else -6.0, 10.0), -28.0, 38.0))
    rotation = Rotation.from_euler("xyz", generator.normal(0.0, (6.0, 3.0, 2.5)), degrees=True).as_matrix()
    scale = generator.normal(1.0, 0.035) * generator.normal(1.0, (0.035, 0.035, 0.03))
    scale = np.clip(scale, 0.9, 1.1)
    center = np.array([0.0, MIDDLE, 10.0])
    linear = rotation @ np.diag(1.0 / scale)
    affine = np.concatenate(
        [linear, (center - linear @ (center + generator.normal(0.0, 1.5, 3)))[:, None]], axis=1
    )

    lattice = np.zeros((5, *NODES), dtype=np.float32)
    for distance, amount, symmetry in OCTAVES:
        lattice[:3] += amount * _mirrored(_smooth_noise(distance, 3, generator), symmetry=symmetry)
    lattice[3:] = generator.standard_normal((2, *NODES), dtype=np.float32)
    lattice[3:] *= np.array([26.0, 26.0], dtype=np.float32)[:, None, None, None]
    nodes = np.stack(np.meshgrid(*(_positions(axis) for axis in range(3)), indexing="ij")).reshape(3, -1)
    in_template = np.einsum("ij,jn->in", affine[:, :3], nodes) + affine[:, 3:]
    outward = templates.away_from_ventricles(in_template.astype(np.float32))
    lattice[:3] -= (
        growth * 1.25 * outward.reshape(3, *NODES)
    )  # the spline lowers a narrow peak by about a fifth
    return Anatomy(affine=affine, lattice=lattice, sulci=sulci)


def _positions(axis: int) -> NDArray[np.float64]:
    return LOW[axis] + (np.arange(NODES[axis]) - 1) * SPACING


def _smooth_noise(distance: float, channels: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise of unit amplitude at the nodes of the lattice, from spline nodes `distance` mm apart."""
    shape = [int(np.ceil((HIGH[axis] - LOW[axis]) / distance)) + 5 for axis in range(3)]
    noise = generator.standard_normal((channels, *shape), dtype=np.float32)
    for axis in range(3):
        noise = _along(axis + 1, _spline((_positions(axis) - LOW[axis]) / distance, shape[axis]), noise)
    return noise / 0.33  # three cubic splines reduce the amplitude of white noise to about a third


def _mirrored(field: NDArray[np.float32], *, symmetry: float) -> NDArray[np.float32]:
    """Makes a displacement (3, X, Y, Z) partly left-right symmetric, with unchanged amplitude."""
    reflected = field[:, ::-1] * np.array([-1, 1, 1], dtype=np.float32)[:, None, None, None]
    mirrored: NDArray[np.float32] = ((field + symmetry * reflected) / np.sqrt(1 + symmetry**2)).astype(
        np.float32
    )
    return mirrored


def _along(axis: int, weights: sparse.csr_array, field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weighted sums along one axis; sparse, because a dense product would start threads of its own."""
    front = np.moveaxis(field, axis, 0)
    sums: NDArray[np.float32] = weights @ front.reshape(front.shape[0], -1)
    return np.moveaxis(sums.reshape(-1, *front.shape[1:]), 0, axis)


def _weights(positions: NDArray[np.floating], *, axis: int) -> sparse.csr_array:
    return _spline((positions - LOW[axis]) / SPACING, NODES[axis])


def _spline(positions: NDArray[np.floating], nodes: int) -> sparse.csr_array:
    """Cubic B-spline weights (N, nodes) at positions in node distances, where node 1 lies at 0."""
    positions = np.clip(positions, 0, nodes - 3.001)
    first = positions.astype(np.int32)
    part = positions - first
    taps = np.stack(
        [(1 - part) ** 3, 3 * part**3 - 6 * part**2 + 4, -3 * part**3 + 3 * part**2 + 3 * part + 1, part**3],
        axis=-1,
    )
    columns = first[:, None] + np.arange(4)
    rows = np.arange(0, 4 * len(first) + 1, 4)
    taken = ((taps / 6).astype(np.float32).ravel(), columns.ravel(), rows)
    return sparse.csr_array(taken, shape=(len(first), nodes))
