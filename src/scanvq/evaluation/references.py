"""What every score is read beside: its value for real against real images, and for images known to be bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from scanvq.evaluation.comparison_metrics import MetricsOf, comparison_metrics
from scanvq.evaluation.degradations import BAD_REFERENCES, Degradation
from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.metric import Estimate, Score
from scanvq.evaluation.spaces import Space
from scanvq.evaluation.two_sample import classifier_doubts

Values = Mapping[str, float | None]
FLOORS = 3  # draws of training images; the floor is the mean over them


@dataclass(frozen=True, kw_only=True)
class References:
    """Values of every score, by its name; None where it is refused.

    Attributes:
        floor: real against real images of other subjects, as many as are compared; the mean over draws.
        bad: by name of the degradation, degraded training images against held-out reals.
        floor_interval: low and high of the floor, each the mean over draws, which is wider than the interval
            of the mean; without the scores that have none.
    """

    floor: Values
    bad: Mapping[str, Values]
    floor_interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def score(self, name: str, estimate: Estimate) -> Score:
        """An estimate beside its references."""
        bad = {kind: values[name] for kind, values in self.bad.items()}
        score = Score(
            estimate=estimate,
            floor=self.floor[name],
            bad=bad,
            floor_interval=self.floor_interval.get(name),
        )
        return classifier_doubts(score) if name.startswith("auc.") else score

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> References:
        intervals = {name: (low, high) for name, (low, high) in stored["floor_interval"].items()}
        return cls(floor=stored["floor"], bad=stored["bad"], floor_interval=intervals)


def measure_references(
    held_out: ImageSet,
    training: Sequence[ImageSet],
    spaces: Sequence[Space],
    *,
    degradations: Mapping[str, Degradation] = BAD_REFERENCES,
    metrics: MetricsOf | None = None,
    seed: int = 0,
    advance: Callable[[], None] | None = None,
) -> References:
    """Measures both.

    Args:
        held_out: n real images.
        training: draws of n training images, of subjects that are not held out; the first is degraded.
        spaces: those of `fit_spaces`.
        degradations: by name.
        metrics: of the comparison; None for `comparison_metrics`.
        seed: of everything random.
        advance: called after each metric.
    """
    floors = [
        estimates_of(one, held_out, spaces, metrics=metrics, seed=seed + number, advance=advance)
        for number, one in enumerate(training)
    ]
    random = np.random.default_rng(seed)
    bad = {}
    for name, degrade in degradations.items():
        images = ImageSet(
            name=name, images=degrade(training[0].images, random), subjects=training[0].subjects
        )
        found = estimates_of(
            images, held_out, spaces, metrics=metrics, interval=False, seed=seed, advance=advance
        )
        bad[name] = {score: estimate.value for score, estimate in found.items()}
    low, high, value = (
        {name: _mean([getattr(floor[name], part) for floor in floors]) for name in floors[0]}
        for part in ("low", "high", "value")
    )
    intervals = {
        name: (below, above)
        for name, below in low.items()
        if below is not None and (above := high[name]) is not None
    }
    return References(floor=value, bad=bad, floor_interval=intervals)


def estimates_of(
    created: ImageSet,
    reference: ImageSet,
    spaces: Sequence[Space],
    *,
    metrics: MetricsOf | None = None,
    interval: bool = True,
    seed: int = 0,
    advance: Callable[[], None] | None = None,
) -> dict[str, Estimate]:
    """Every score of one set of images beside another, equally many.

    Args:
        created, reference: the images.
        spaces: those of `fit_spaces`.
        metrics, interval, seed, advance: as of `measure_references`.
    """
    found: dict[str, Estimate] = {}
    for metric in (metrics or comparison_metrics)(spaces, interval=interval, seed=seed):
        metric.update(created, side="created")
        metric.update(reference, side="reference")
        found.update(metric.compute())
        if advance is not None:
            advance()
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
