"""Completions whose gray values meet those of the known pixels beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SIGMA = 2.0  # pixels over which the difference at the border is averaged: texture cancels out
REACH = 4.0  # pixels into the unknown region after which the correction falls to 1 / e


def without_seam(completed: NDArray[Any], known: NDArray[Any], unknown: NDArray[np.bool_]) -> NDArray[Any]:
    """Adds a smooth correction to a completion, which vanishes away from the border of the unknown region.

    The correction is the mean difference of known and completed pixels near the border (normalized
    convolution, Knutsson and Westin 1993), so that no step is left; the texture on both sides stays as it is.

    Args:
        completed: (S, H, W), decoded pixels everywhere.
        known: (S, H, W) of the same type; used where `unknown` is false only.
        unknown: (S, H, W); a slice that is unknown everywhere, or nowhere, stays as it is.

    Returns:
        (S, H, W) of the same type.
    """
    corrected = completed.copy()
    for number, mask in enumerate(unknown):
        if mask.any() and not mask.all():
            corrected[number] = _slice_without_seam(completed[number], known[number], mask)
    return corrected


def _slice_without_seam(own: NDArray[Any], other: NDArray[Any], unknown: NDArray[np.bool_]) -> NDArray[Any]:
    weight = ndimage.gaussian_filter((~unknown).astype(np.float64), SIGMA)
    distance = ndimage.distance_transform_edt(unknown)
    share = np.exp(-((distance / REACH) ** 2)) / np.maximum(weight, 1e-6)
    difference = np.where(unknown, 0.0, other.astype(np.float64) - own)
    values: NDArray[Any] = own + share * ndimage.gaussian_filter(difference, SIGMA)
    if own.dtype.kind in "iu":
        limits = np.iinfo(own.dtype)
        values = values.round().clip(limits.min, limits.max)
    low, high = min(own.min(), other[~unknown].min()), max(own.max(), other[~unknown].max())
    return values.clip(low, high)
