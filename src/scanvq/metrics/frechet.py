"""The Frechet distance between two sets of features, and its value without the bias of few images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanvq.metrics.refusal import FEWEST_IMAGES, TooFewImages, require_images, require_subjects

Features = NDArray[np.float64]
FRACTIONS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of the subjects, in the subsets that are extrapolated from
DRAWS = 8  # subsets of each size
FEWEST_SUBJECTS = 4


def frechet_of_gaussians(
    mean: Features, covariance: Features, other_mean: Features, other_covariance: Features
) -> float:
    """The squared Frechet distance of two normal distributions.

    |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2), Dowson and Landau 1982. The last trace is the sum of the
    singular values of C^1/2 C'^1/2, which loses no digits where a covariance lacks full rank; both roots are
    those of symmetric matrices, by eigenvalues, of which negative ones are rounding and count as 0.

    Args:
        mean, other_mean: (d,).
        covariance, other_covariance: (d, d), symmetric.
    """
    cross = float(np.linalg.svd(_root(covariance) @ _root(other_covariance), compute_uv=False).sum())
    difference = mean - other_mean
    return float(difference @ difference + np.trace(covariance) + np.trace(other_covariance) - 2 * cross)


def frechet_distance(features: Features, other: Features) -> float:
    """The squared Frechet distance of normal distributions fitted to features (n, d) and (m, d).

    It grows as n falls, though the distributions stay the same: compare it at equal n only.

    Raises:
        TooFewImages: n or m below 4.
    """
    require_images(min(len(features), len(other)), "the Frechet distance")
    distance = frechet_of_gaussians(
        features.mean(axis=0),
        np.atleast_2d(np.cov(features, rowvar=False)),
        other.mean(axis=0),
        np.atleast_2d(np.cov(other, rowvar=False)),
    )
    return max(distance, 0.0)  # equal sets: rounding


def frechet_extrapolated(
    features: Features,
    other: Features,
    *,
    subjects: NDArray[np.integer],
    other_subjects: NDArray[np.integer],
    seed: int = 0,
) -> float:
    """The Frechet distance as it would be with infinitely many images.

    The distance of subsets of n images is a + b / n to first order (Chong and Forsyth, "Effectively unbiased
    FID", CVPR 2020): a is fitted by least squares to subsets of half of the subjects to all of them.

    Args:
        features, other: (n, d) and (m, d).
        subjects, other_subjects: (n,) and (m,), whose image it is; subsets hold all images of a subject, and
            those of a subject of both sides on both.
        seed: of the subsets.

    Returns:
        a; it may fall below 0 by chance where the distributions are equal.

    Raises:
        TooFewImages: n or m below 4, or no smaller subset has 4 images. TooFewSubjects: fewer than 4
            subjects on one side.
    """
    whole = frechet_distance(features, other)
    own, others = np.unique(subjects), np.unique(other_subjects)
    require_subjects(min(len(own), len(others)), "extrapolation over n", fewest=FEWEST_SUBJECTS)
    random = np.random.default_rng(seed)
    inverse, distances = [_inverse(len(features), len(other))] * DRAWS, [whole] * DRAWS
    shared = np.intersect1d(own, others)
    apart = np.setdiff1d(own, shared), np.setdiff1d(others, shared)
    for fraction in FRACTIONS:
        for _ in range(DRAWS):
            both = _part(shared, fraction, random)
            part, other_part = (np.concatenate([both, _part(names, fraction, random)]) for names in apart)
            one, two = features[np.isin(subjects, part)], other[np.isin(other_subjects, other_part)]
            if min(len(one), len(two)) < FEWEST_IMAGES or len(one) == len(features):
                continue
            inverse.append(_inverse(len(one), len(two)))
            distances.append(frechet_distance(one, two))
    if len(inverse) == DRAWS:
        raise TooFewImages(
            f"extrapolation over n needs subsets of at least {FEWEST_IMAGES} images; "
            f"there are {len(features)} and {len(other)} in all"
        )
    _, intercept = np.polyfit(inverse, distances, 1)
    return float(intercept)


def _part(names: NDArray[np.integer], fraction: float, random: np.random.Generator) -> NDArray[np.integer]:
    """A random part of the subjects."""
    return random.choice(names, round(fraction * len(names)), replace=False)


def _inverse(count: int, other: int) -> float:
    return 0.5 / count + 0.5 / other


def _root(matrix: Features) -> Features:
    eigenvalues, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(eigenvalues, 0, None))) @ vectors.T
