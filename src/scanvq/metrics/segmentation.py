"""How well a map of scores finds the pixels of a mask: AUROC, average precision, Dice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Pixels in the order of falling scores, equal scores taken together.

    Attributes:
        scores: (t,) the distinct scores, falling.
        hits: (t,) pixels of the mask with at least this score.
        taken: (t,) all pixels with at least this score.
    """

    scores: NDArray[np.float64]
    hits: NDArray[np.int64]
    taken: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Scores, mask: Mask) -> Ranking:
        """Raises ValueError if the shapes differ, or if the mask has no pixel, or all of them."""
        if scores.shape != mask.shape:
            raise ValueError(
                f"scores have the shape {scores.shape}, the mask {mask.shape}; they must be equal"
            )
        flat, marked = scores.ravel().astype(np.float64), mask.ravel()
        if not marked.any() or marked.all():
            raise ValueError(
                "AUROC and Dice need pixels inside and outside of the masks; one of them has none"
            )
        order = np.argsort(-flat, kind="stable")
        flat, marked = flat[order], marked[order]
        last = np.flatnonzero(np.append(np.diff(flat) != 0, True))
        return cls(scores=flat[last], hits=np.cumsum(marked, dtype=np.int64)[last], taken=last + 1)

    @property
    def auroc(self) -> float:
        """The probability that a pixel of the mask scores higher than another; ties count half."""
        misses = self.taken - self.hits
        recall = np.concatenate([[0.0], self.hits / self.hits[-1]])
        fall_out = np.concatenate([[0.0], misses / misses[-1]])
        return float(np.trapezoid(recall, fall_out))

    @property
    def average_precision(self) -> float:
        """The area under precision over recall, as the sum over steps of recall."""
        steps = np.diff(np.concatenate([[0], self.hits])) / self.hits[-1]
        return float((steps * self.hits / self.taken).sum())

    @property
    def best_threshold(self) -> float:
        """The threshold with the highest Dice over all pixels together: pixels with at least it are found."""
        return float(self.scores[np.argmax(2 * self.hits / (self.taken + self.hits[-1]))])


def dice(found: Mask, mask: Mask) -> float:
    """2 |found and mask| / (|found| + |mask|) over all pixels together; 1 if both are empty."""
    total = int(found.sum()) + int(mask.sum())
    return 1.0 if total == 0 else 2 * int((found & mask).sum()) / total
