"""Definitions of the words and numbers of the page, one click away from each."""

from __future__ import annotations

from collections.abc import Mapping

from scanvq.evaluation.score_names import SCORE_NAMES, SPACE_NAMES
from scanvq.evaluation.tokenizer_scores import SCORES

_LONGER = {
    "ssim": "On intensities in [0, 1] (data range 1), Gaussian window of sigma 1.5 (11x11 pixels), mean "
    "over the "
    "interior of the image, as in scikit-image. Computed per image, then averaged.",
    "ssim_foreground": "As SSIM, over the pixels of the subject only: black air is easy to reconstruct.",
    "psnr": "Ten times the logarithm of one over the mean squared error, in decibels.",
}
_WORDS = {
    "bits_per_pixel": (
        "Bits per pixel",
        "What storing the codes costs, over the pixels of the image. Raw: every code equally likely. "
        "Under the "
        "prior: with an entropy coder that uses the prior, without conditions. A scan has 8 or 16.",
    ),
    "perplexity": (
        "Perplexity",
        "The effective number of codes in use: so many equally frequent codes would have the same entropy.",
    ),
    "bits_per_code": (
        "Bits per code",
        "The prior's cross-entropy on test images. Comparable between priors on the same tokenizer only.",
    ),
    "interval": (
        "95 % interval",
        "Over subjects, since slices of one person are not independent.",
    ),
    "floor": (
        "Floor",
        "The same score for real scans against real scans of other people. Nothing created can be "
        "expected to "
        "do better at this number of images.",
    ),
    "bad": (
        "Bad references",
        "The same score for real scans made worse: blurred, with shuffled patches, and one mean image for "
        "all. "
        "They say which faults a score sees at all.",
    ),
    "copy": (
        "Copy",
        "A created scan that is nearer to a training scan than people who were held out are. Its p-value is "
        "calibrated on the held-out people.",
    ),
    "leak": (
        "Leak",
        "A subject, or one scan under two names, on two sides of a split.",
    ),
}


def definitions() -> dict[str, tuple[str, str]]:
    """Label and text of every definition, by key."""
    scores: Mapping[str, tuple[str, str]] = {
        key: (score.label, f"{score.meaning[:1].upper()}{score.meaning[1:]}. {_LONGER.get(key, '')}".strip())
        for key, score in SCORES.items()
    }
    created = {key: (name.label, name.meaning) for key, name in SCORE_NAMES.items()}
    spaces = {key: (f"Space {key}", text[:1].upper() + text[1:] + ".") for key, text in SPACE_NAMES.items()}
    return {**scores, **_WORDS, **created, **spaces}
