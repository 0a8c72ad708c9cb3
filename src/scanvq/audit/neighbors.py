"""The nearest training and held-out images of any image, in pixel and feature space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanvq.audit.descriptor import SHIFT
from scanvq.audit.details import CELLS, details
from scanvq.audit.image_index import ImageIndex
from scanvq.audit.scans import batches
from scanvq.store.shift_search import ShiftSearch

Images = NDArray[np.float32]
CANDIDATES = 12  # most similar by features, which are compared in full
SIMILARITIES = 2**23  # in memory at a time


@dataclass(frozen=True, kw_only=True)
class Neighbor:
    """The image of a set that is nearest to another image.

    Attributes:
        row: of the index.
        correlation: of both images at the best shift and flip; 1 for equal images.
        mirrored: whether it is the mirror image that is near.
        shift: rows and columns in pixels.
    """

    row: int
    correlation: float
    mirrored: bool
    shift: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Neighbors:
    """Of one image.

    Attributes:
        training, held_out: nearest by correlation.
        feature_row, similarity: nearest training image by features, and how similar.
    """

    training: Neighbor
    held_out: Neighbor
    feature_row: int
    similarity: float


class NeighborSearch:
    """Finds neighbors: candidates by features and a matrix product, then correlations of the few best.

    Args:
        index: of all real images.
        shape: height and width of images in pixels.
        people: (n,), whose image each row of the index is.
    """

    def __init__(self, index: ImageIndex, shape: tuple[int, int], people: NDArray[np.int64]) -> None:
        self.index, self.people = index, people
        height, width = index.details.shape[1:]
        self._pixels = (shape[0] / height, shape[1] / width)  # of a cell
        self._search = ShiftSearch(height, width, max_shift=SHIFT / min(self._pixels))

    def similarities(self, images: Images) -> Iterator[NDArray[np.float32]]:
        """In parts, the similarity (b, n) of images to all of the index, at the best shift and flip."""
        size = max(1, SIMILARITIES // (50 * len(self.index.features)))
        for part in batches(len(images), size):
            versions = self.index.descriptor.versions(images[part])  # (b, v, d)
            products = versions.reshape(-1, versions.shape[-1]) @ self.index.features.T
            yield products.reshape(*versions.shape[:2], -1).max(axis=1)

    def neighbors(self, image: Images, similarity: NDArray[np.float32], *, person: int = -1) -> Neighbors:
        """The neighbors of one image (H, W).

        Args:
            image: in [0, 1].
            similarity: (n,), of `similarities`.
            person: whose held-out images are left out; -1 = nobody's.
        """
        count = self.index.training
        others = np.where(self.people[count:] == person, -2, similarity[count:])
        spectra = self._search.spectra(self._both(image))
        return Neighbors(
            training=self._nearest(spectra, _best(similarity[:count])),
            held_out=self._nearest(spectra, count + _best(others)),
            feature_row=int(similarity[:count].argmax()),
            similarity=float(similarity[:count].max()),
        )

    def by_person(self, similarity: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Similarities (b, n) to images as (b, people) to training people and to held-out people."""
        count = self.index.training
        return (
            _maxima(similarity[:, :count], self.people[:count]),
            _maxima(similarity[:, count:], self.people[count:]),
        )

    def _both(self, image: Images) -> Images:
        one = details(image[None], cells=CELLS)
        return np.concatenate([one, one[..., ::-1]])

    def _nearest(self, spectra: NDArray[np.complex64], rows: NDArray[np.int64]) -> Neighbor:
        targets = self._search.spectra(self.index.details[rows].astype(np.float32))
        found = self._search.correlations(targets[:, None], spectra[None])  # (rows, flips, shifts, shifts)
        row, flip, down, right = np.unravel_index(int(found.argmax()), found.shape)
        shifts = self._search.shifts
        return Neighbor(
            row=int(rows[row]),
            correlation=float(found[row, flip, down, right]),
            mirrored=bool(flip),
            shift=(float(shifts[down] * self._pixels[0]), float(shifts[right] * self._pixels[1])),
        )


def _best(similarity: NDArray[np.float32]) -> NDArray[np.int64]:
    keep = min(CANDIDATES, len(similarity))
    return np.argpartition(similarity, -keep)[-keep:]


def _maxima(similarity: NDArray[np.float32], people: NDArray[np.int64]) -> NDArray[np.float32]:
    order = np.argsort(people, kind="stable")
    starts = np.flatnonzero(np.diff(people[order], prepend=-1))
    return np.maximum.reduceat(similarity[:, order], starts, axis=1)
