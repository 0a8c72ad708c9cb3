"""Names and meanings of the scores of created scans, for the terminal, the page, tables and the card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Better = Literal["higher", "lower", "at the floor"]


@dataclass(frozen=True, kw_only=True)
class ScoreName:
    """How a score is called and read.

    Attributes:
        label: its name.
        meaning: one sentence in plain words.
        better: which values are the good ones.
    """

    label: str
    meaning: str
    better: Better = "at the floor"


@dataclass(frozen=True, kw_only=True)
class ComparisonName:
    """How a comparison is called, and what is lost where it is far from its floor.

    Attributes:
        title: both sides.
        fault: what a distance from the floor is due to.
    """

    title: str
    fault: str


COMPARISON_NAMES: Mapping[str, ComparisonName] = {
    "samples_vs_reconstructions": ComparisonName(
        title="samples against reconstructions", fault="what the prior loses"
    ),
    "reconstructions_vs_reals": ComparisonName(
        title="reconstructions against real scans", fault="what the tokenizer loses"
    ),
    "samples_vs_reals": ComparisonName(title="samples against real scans", fault="both together"),
}
SCORE_NAMES: Mapping[str, ScoreName] = {
    "auc": ScoreName(
        label="AUC",
        meaning="Classifiers are trained to tell both sides apart: the share of pairs that they order "
        "correctly. .5 is chance, 1 is always.",
    ),
    "frechet": ScoreName(
        label="Frechet distance",
        meaning="Squared distance of normal distributions fitted to the features of both sides, "
        "extrapolated to infinitely many images. It is no FID.",
        better="lower",
    ),
    "kernel": ScoreName(
        label="kernel distance",
        meaning="Unbiased squared MMD with a cubic kernel; below 0 it found no difference.",
        better="lower",
    ),
    "precision": ScoreName(
        label="precision",
        meaning="Share of created scans within the reach of a real one.",
        better="higher",
    ),
    "recall": ScoreName(
        label="recall",
        meaning="Share of real scans within the reach of a created one.",
        better="higher",
    ),
    "density": ScoreName(
        label="density",
        meaning="How many real scans reach a created one, over k; 1 for equal distributions.",
    ),
    "coverage": ScoreName(
        label="coverage",
        meaning="Share of real scans that have a created one within their reach.",
        better="higher",
    ),
    "ms_ssim": ScoreName(
        label="MS-SSIM of pairs",
        meaning="How alike created scans are. Far above the floor: the same scan again and again.",
    ),
    "symmetry": ScoreName(
        label="left-right correlation",
        meaning="How alike the left and the right half of a scan are, in brightness and in sharpness. Far "
        "below the floor: the halves were made as if they were of two scans.",
        better="higher",
    ),
    "band_error": ScoreName(
        label="error by frequency band",
        meaning="Energy of the error over that of the original, from coarse (1) to fine (8). 0 is exact, "
        "1 as bad as leaving the band out.",
        better="lower",
    ),
}
ABOVE_IS_WORSE = ("auc", "ms_ssim")
"""Below their floor nothing is wrong: it is the floor of other people, or of more varied scans."""
BELOW_IS_WORSE = ("density",)
"""Above its floor nothing is wrong: reconstructions are nearer to their originals than other people are."""
SPACE_NAMES: Mapping[str, str] = {
    "features": "some hundred hand-made numbers: radial spectrum, gray values, gradients, symmetry",
    "pca32": "principal components at 32x32 pixels: anatomy and large shapes",
    "network": "a small network trained on training scans alone",
}


def score_name(key: str) -> ScoreName:
    """The name of a score by its key in metrics.json; one that is not in the table is called by its key."""
    return SCORE_NAMES.get(key, ScoreName(label=key.replace("_", " "), meaning=""))


def scores_of(comparison: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each number of a comparison: (key of the score, space or "", {"value", "low", "high", "floor", ...}).

    Args:
        comparison: an entry of `samples` in metrics.json; entries that are no scores are passed over.
    """
    for key, found in comparison.items():
        if not isinstance(found, Mapping) or key == "groups":
            continue
        if "value" in found:
            yield key, "", found
            continue
        for space, score in found.items():
            if isinstance(score, Mapping) and "value" in score:
                yield key, space, score


def is_worse_than_floor(key: str, score: Mapping[str, Any]) -> bool | None:
    """Whether the whole interval of a number lies on the bad side of its floor; None where that is not known.

    Args:
        key: of the score, as in metrics.json.
        score: {"value", "low", "high", "floor"}.
    """
    low, high, floor = score.get("low"), score.get("high"), score.get("floor")
    if low is None or high is None or floor is None:
        return None
    better = score_name(key).better
    if better == "higher" or key in BELOW_IS_WORSE:
        return bool(high < floor)
    if better == "lower" or key in ABOVE_IS_WORSE:
        return bool(low > floor)
    return bool(low > floor or high < floor)
