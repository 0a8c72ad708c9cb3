"""What every score is read beside: its value for real against real images, and for images known to be bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scanvq.evaluation.comparison_metrics import comparison_metrics
from scanvq.evaluation.degradations import BAD_REFERENCES
from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.spaces import Space

Values = Mapping[str, float | None]
FLOORS = 3  # draws of training images; the floor is the mean over them


@dataclass(frozen=True, kw_only=True)
class References:
    """Values of every score, by its name; None where it is refused.

    Attributes:
        floor: real against real images of other subjects, as many as are compared.
        bad: by name of the degradation, degraded training images against held-out reals.
    """

    floor: Values
    bad: Mapping[str, Values]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> References:
        return cls(floor=stored["floor"], bad=stored["bad"])


def measure_references(
    held_out: ImageSet,
    training: Sequence[ImageSet],
    spaces: Sequence[Space],
    *,
    seed: int = 0,
    advance: Callable[[], None] | None = None,
) -> References:
    """Measures both.

    Args:
        held_out: n real images.
        training: draws of n training images, of subjects that are not held out; the first is degraded.
        spaces: those of `fit_spaces`.
        seed: of everything random.
        advance: called after each metric.
    """
    floors = [
        values_of(one, held_out, spaces, seed=seed + number, advance=advance)
        for number, one in enumerate(training)
    ]
    random = np.random.default_rng(seed)
    bad = {}
    for name, degrade in BAD_REFERENCES.items():
        images = ImageSet(
            name=name, images=degrade(training[0].images, random), subjects=training[0].subjects
        )
        bad[name] = values_of(images, held_out, spaces, seed=seed, advance=advance)
    return References(floor={name: _mean([floor[name] for floor in floors]) for name in floors[0]}, bad=bad)


def values_of(
    created: ImageSet,
    reference: ImageSet,
    spaces: Sequence[Space],
    *,
    seed: int = 0,
    advance: Callable[[], None] | None = None,
) -> dict[str, float | None]:
    """Every score of one set of images beside another, without intervals."""
    values: dict[str, float | None] = {}
    for metric in comparison_metrics(spaces, interval=False, seed=seed):
        metric.update(created, side="created")
        metric.update(reference, side="reference")
        values.update({name: estimate.value for name, estimate in metric.compute().items()})
        if advance is not None:
            advance()
    return values


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
