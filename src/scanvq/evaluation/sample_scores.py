"""The three comparisons that tell what a created scan loses to the prior and what to the tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scanvq.evaluation.band_errors import band_errors
from scanvq.evaluation.comparison_metrics import MetricsOf, comparison_metrics
from scanvq.evaluation.degradations import BAD_REFERENCES
from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.metric import Score
from scanvq.evaluation.references import References, estimates_of, measure_references
from scanvq.evaluation.sources import Sources
from scanvq.evaluation.spaces import Space
from scanvq.types import Progress, ProgressFactory

COMPARISONS = ("samples_vs_reconstructions", "reconstructions_vs_reals", "samples_vs_reals")
Form = Literal["full", "short"]
VERSION = 3
"""Version of the computation; stored scores of another version are recomputed."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The scores of one comparison.

    Attributes:
        n: images on each side.
        scores: by name; a dot separates a score from its space, as "auc.features".
    """

    n: int
    scores: Mapping[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """The form of metrics.json: {"n", "auc": {"features": {"value", ...}, ...}, ...}."""
        stored: dict[str, Any] = {"n": self.n}
        for name, score in self.scores.items():
            first, _, space = name.partition(".")
            if space:
                stored.setdefault(first, {})[space] = score.to_dict()
            else:
                stored[first] = score.to_dict()
        return stored


def score_samples(
    sources: Sources,
    spaces: Callable[[], tuple[Space, ...]],
    *,
    stored_references: References | None,
    done: Collection[str],
    keep_references: Callable[[References], None],
    keep: Callable[[str, Comparison], None],
    progress_for: ProgressFactory,
    seed: int = 0,
) -> None:
    """Computes the references and the three comparisons, giving each away as soon as it is there.

    Args:
        sources: the images.
        spaces: fits the spaces of features, or gives them; not called where nothing is left to compute.
        stored_references: of the same sources, where they were measured before.
        done: names of comparisons that need not be computed.
        keep_references: called with the references when they were measured.
        keep: called with the name and the scores of a comparison.
        progress_for: gives, for the name of a piece of work, a function of pieces done and all pieces.
        seed: of everything random.
    """
    todo = [name for name in COMPARISONS if name not in done]
    if not todo:
        return
    fitted = spaces()
    measured = 0 if stored_references is not None else len(sources.training) + len(BAD_REFERENCES)
    advance = counted(progress_for("score samples"), (measured + len(todo)) * len(comparison_metrics(fitted)))
    references = stored_references
    if references is None:
        references = measure_references(
            sources.held_out,
            sources.training,
            fitted,
            seed=seed,
            advance=advance,
        )
        keep_references(references)
    sides = sides_of(sources.created, sources.reconstructions, sources.held_out)
    for name in todo:
        created, reference = sides[name]
        scores = compare(created, reference, fitted, references, seed=seed, advance=advance)
        if name == "reconstructions_vs_reals":
            scores |= band_errors(created, reference, seed=seed)
        keep(name, Comparison(n=len(created), scores=scores))


def sides_of(
    created: ImageSet, reconstructions: ImageSet, reals: ImageSet
) -> dict[str, tuple[ImageSet, ImageSet]]:
    """Both sides of each of COMPARISONS."""
    return {
        "samples_vs_reconstructions": (created, reconstructions),
        "reconstructions_vs_reals": (reconstructions, reals),
        "samples_vs_reals": (created, reals),
    }


def counted(progress: Progress, total: int) -> Callable[[], None]:
    """A function that reports one more piece done of `total` at each call."""
    count = 0

    def advance() -> None:
        nonlocal count
        count += 1
        progress(count, total)

    return advance


def compare(
    created: ImageSet,
    reference: ImageSet,
    spaces: tuple[Space, ...],
    references: References,
    *,
    metrics: MetricsOf | None = None,
    seed: int = 0,
    advance: Callable[[], None] | None = None,
) -> dict[str, Score]:
    """Every score of one comparison, with its interval and beside its references.

    Args:
        created, reference: equally many images.
        spaces: those of `fit_spaces`.
        references: of as many images.
        metrics: as of `measure_references`, which must have measured the same.
        seed: of everything random.
        advance: called after each metric.
    """
    found = estimates_of(
        created, reference, spaces, metrics=metrics, interval=True, seed=seed, advance=advance
    )
    return {name: references.score(name, estimate) for name, estimate in found.items()}
