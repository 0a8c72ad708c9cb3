"""The kernel distance between two sets of features: an unbiased estimate of the squared MMD."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanvq.metrics.refusal import require_images, require_subjects

Features = NDArray[np.float64]
DEGREE = 3


def polynomial_kernel(features: Features, other: Features) -> Features:
    """(x.y / d + 1)^3 of every pair: (n, d) and (m, d) to (n, m)."""
    return (features @ other.T / features.shape[1] + 1) ** DEGREE


def kernel_distance(
    features: Features,
    other: Features,
    *,
    subjects: NDArray[np.integer] | None = None,
    other_subjects: NDArray[np.integer] | None = None,
) -> float:
    """The unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3.

    Binkowski et al., "Demystifying MMD GANs", ICLR 2018. It is unbiased at every n, so it falls below 0 about
    half of the time where the distributions are equal.

    Args:
        features, other: (n, d) and (m, d).
        subjects, other_subjects: (n,) and (m,), whose image it is. Images of one subject are not
            independent: pairs of the same subject are left out of all three means. None: every image is of
            its own subject.

    Raises:
        TooFewImages: n or m below 4. TooFewSubjects: fewer than two subjects on one side.
    """
    require_images(min(len(features), len(other)), "the kernel distance")
    if subjects is None or other_subjects is None:
        subjects, other_subjects = np.arange(len(features)), len(features) + np.arange(len(other))
    fewest = min(len(np.unique(subjects)), len(np.unique(other_subjects)))
    require_subjects(fewest, "the kernel distance", fewest=2)
    return (
        _mean_of_others(polynomial_kernel(features, features), subjects, subjects)
        + _mean_of_others(polynomial_kernel(other, other), other_subjects, other_subjects)
        - 2 * _mean_of_others(polynomial_kernel(features, other), subjects, other_subjects)
    )


def _mean_of_others(
    kernel: Features, subjects: NDArray[np.integer], other_subjects: NDArray[np.integer]
) -> float:
    """The mean over pairs of different subjects."""
    different = subjects[:, None] != other_subjects[None]
    return float(kernel[different].mean())
