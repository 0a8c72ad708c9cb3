"""Images of one source with their subjects, and draws of them by subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Images of one source.

    Attributes:
        name: of the source, as a reader sees it.
        images: (n, H, W) float32 in [0, 1], see `at_8_bits`.
        subjects: (n,) int64, whose image it is; a created image is of a subject of its own.
        conditions: by name (n,), category indices or numbers as in `Condition`; none where not known.
    """

    name: str
    images: NDArray[np.float32]
    subjects: NDArray[np.int64]
    conditions: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    _described: dict[str, Vectors] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: NDArray[np.integer]) -> ImageSet:
        """Some of the images; what was computed of all of them is kept."""
        described = {name: vectors[indices] for name, vectors in self._described.items()}
        return ImageSet(
            name=self.name,
            images=self.images[indices],
            subjects=self.subjects[indices],
            conditions={name: values[indices] for name, values in self.conditions.items()},
            _described=described,
        )

    def described(self, name: str, describe: Callable[[NDArray[np.float32]], Vectors]) -> Vectors:
        """What `describe` gives for the images, (n, d); computed once for each name."""
        if name not in self._described:
            self._described[name] = describe(self.images)
        return self._described[name]


def at_8_bits(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images in [0, 1] rounded to 256 gray values, as picture files have them.

    All images are compared so. Otherwise a classifier would tell scans, which are whole numbers in their
    files, from the floating-point numbers of a decoder, where nobody sees a difference.
    """
    rounded: NDArray[np.float32] = np.rint(images * np.float32(255)) / np.float32(255)
    return rounded


def draw(
    subjects: NDArray[np.integer], count: int, random: np.random.Generator, *, people: int | None = None
) -> NDArray[np.int64]:
    """Indices of `count` images, sorted, of as many subjects as there are, in turns.

    Args:
        subjects: (n,), whose image each is.
        count: at most n.
        random: which subjects and images.
        people: draw from so many subjects first, from others only when these have no more images; None for
            all.

    Raises:
        ValueError: `count` above n.
    """
    if count > len(subjects):
        raise ValueError(f"{count} images cannot be drawn from {len(subjects)}")
    names = random.permutation(np.unique(subjects))
    first = len(names) if people is None else min(people, len(names))
    piles = {int(name): list(random.permutation(np.flatnonzero(subjects == name))) for name in names}
    chosen: list[int] = []
    for part in (names[:first], names[first:]):
        while len(chosen) < count and any(piles[int(name)] for name in part):
            for name in part:
                if piles[int(name)] and len(chosen) < count:
                    chosen.append(int(piles[int(name)].pop()))
    return np.sort(np.array(chosen, np.int64))
