"""What every score of created images is: two sources of images in, typed numbers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from scanvq.evaluation.image_set import ImageSet
from scanvq.metrics.jackknife import jackknife_interval
from scanvq.metrics.refusal import Refusal

Side = Literal["created", "reference"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One number and how well it is known.

    Attributes:
        value: None where it is refused.
        low, high: of the 95 % interval; None where none was asked for, or where `note` says why.
        n: images on each side.
        refused: why there is no value, "" where there is one; name of the error and a sentence.
        note: what a reader must know of this value.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    refused: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number of a comparison beside its references.

    Attributes:
        estimate: value and interval.
        floor: of real against real images; None where it is refused.
        bad: by name of the degradation, of degraded against real images; none where not measured.
        floor_interval: low and high of the floor's 95 % interval; None where there is none.
    """

    estimate: Estimate
    floor: float | None
    bad: Mapping[str, float | None]
    floor_interval: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The form of metrics.json."""
        estimate = self.estimate
        stored: dict[str, Any] = {
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "floor": self.floor,
            "floor_interval": None if self.floor_interval is None else list(self.floor_interval),
            "bad": dict(self.bad),
        }
        for name in ("refused", "note"):
            if text := getattr(estimate, name):
                stored[name] = text
        return stored


Result = Mapping[str, Estimate]
"""By name; a dot separates a score from the space of features that it is computed in: "frechet.pca32"."""


class Metric(ABC):
    """A score of created images beside a reference: `update` once for each side, then `compute`.

    Attributes:
        name: begins the names of all of its numbers.

    Args:
        interval: also compute 95 % intervals.
        seed: of everything random.
    """

    name: ClassVar[str]

    def __init__(self, *, interval: bool = True, seed: int = 0) -> None:
        self.interval = interval
        self.seed = seed
        self._sides: dict[Side, ImageSet] = {}

    def update(self, images: ImageSet, *, side: Side) -> None:
        """Takes the images of one side. Raises ValueError where the side has images already."""
        if side in self._sides:
            raise ValueError(f"{self.name} has its {side} images already")
        self._sides[side] = images

    def compute(self) -> Result:
        """The numbers; those that cannot be computed from so few images say so.

        Raises:
            ValueError: a side has no images yet, or both have not equally many.
        """
        if missing := {"created", "reference"} - set(self._sides):
            raise ValueError(f"{self.name} has no {' and no '.join(sorted(missing))} images yet")
        created, reference = self._sides["created"], self._sides["reference"]
        if len(created) != len(reference):
            raise ValueError(
                f"{self.name} compares equally many images; there are {len(created)} and {len(reference)}"
            )
        try:
            return self._compare(created, reference)
        except Refusal as refusal:
            return {name: Estimate(value=None, n=len(created), refused=refusal.reason) for name in self.names}

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of all numbers that `compute` gives."""

    @abstractmethod
    def _compare(self, created: ImageSet, reference: ImageSet) -> Result:
        """The numbers of equally many images. Raises Refusal for too few."""


def with_interval(
    statistic: Callable[[NDArray[np.bool_], NDArray[np.bool_]], float],
    created: ImageSet,
    reference: ImageSet,
    *,
    interval: bool,
    seed: int,
) -> Estimate:
    """A statistic of all images of both sides, and its jackknife interval over subjects.

    Args:
        statistic: of the images that two masks keep.
        created, reference: the images.
        interval: whether to compute low and high.
        seed: of the groups of subjects.
    """
    try:
        value = statistic(np.ones(len(created), bool), np.ones(len(reference), bool))
    except Refusal as refusal:
        return Estimate(value=None, n=len(created), refused=refusal.reason)
    if not interval:
        return Estimate(value=value, n=len(created))
    try:
        low, high = jackknife_interval(
            statistic, value, subjects=created.subjects, other_subjects=reference.subjects, seed=seed
        )
    except Refusal as refusal:
        return Estimate(value=value, n=len(created), note=f"no interval, {refusal.reason}")
    return Estimate(value=value, low=low, high=high, n=len(created))
