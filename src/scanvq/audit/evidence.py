"""How much an image looks like a copy, in three spaces, beside held-out people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanvq.metrics.false_alarms import conformal_p

SPACES = ("pixels", "features", "codes")
Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class HeldOutEvidence:
    """The similarity of held-out people to the training images: what new people look like.

    Attributes:
        values: by space, (m,), the highest of each person's images.
        block_sides, top_shares: (m,), largest block and largest share of one training person, of each.
    """

    values: Mapping[str, Values]
    block_sides: Values
    top_shares: Values

    @classmethod
    def by_person(cls, images: Mapping[str, Values], people: NDArray[np.int64]) -> HeldOutEvidence:
        """Takes the maximum over the images of each person.

        Args:
            images: (n,) of each image: the three spaces, "block_sides" and "top_shares".
            people: (n,).
        """
        order = np.argsort(people, kind="stable")
        starts = np.flatnonzero(np.diff(people[order], prepend=-1))
        highest = {name: np.maximum.reduceat(values[order], starts) for name, values in images.items()}
        return cls(
            values={space: highest[space] for space in SPACES},
            block_sides=highest["block_sides"],
            top_shares=highest["top_shares"],
        )

    @property
    def people(self) -> int:
        return len(self.block_sides)

    def p_values(self, images: Mapping[str, Values]) -> dict[str, Values]:
        """Of images: p-values (n,) in each space, and over all of them ("all").

        The evidence of all spaces is the highest of the three, each in units of its spread over held-out
        people; it is compared with the same of held-out people, so that three looks cost no false alarms.
        """
        found = {space: conformal_p(images[space], self.values[space]) for space in SPACES}
        found["all"] = conformal_p(self.strength(images), self.strength(self.values))
        return found

    def strength(self, images: Mapping[str, Values]) -> Values:
        """The evidence (n,) of all spaces: the highest, in units of its spread over held-out people."""
        standard = []
        for space in SPACES:
            low, middle, high = np.quantile(self.values[space], [0.25, 0.5, 0.75])
            standard.append((images[space] - middle) / max(high - low, 1e-6))
        highest: Values = np.max(standard, axis=0)
        return highest
