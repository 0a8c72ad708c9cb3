"""Conformal p-values: how unusual a score is beside the scores of held-out people."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def p_values(scores: ArrayLike, calibration: ArrayLike) -> NDArray[np.float64]:
    """(1 + number of calibration scores that are as high or higher) / (n + 1), for each score.

    If a score and the n calibration scores are exchangeable, P(p <= a) <= a for every a, whatever their
    distribution (Vovk et al. 2005; for outliers Bates et al., arXiv 2104.08279, equation 3).

    Args:
        scores: (m,), higher is more unusual.
        calibration: (n,), one score of each held-out person, n at least 1.

    Returns:
        (m,), from 1 / (n + 1) to 1.

    Raises:
        ValueError: no calibration scores, or a score that is not a number.
    """
    new, known = np.atleast_1d(np.asarray(scores, np.float64)), np.asarray(calibration, np.float64)
    if known.ndim != 1 or not len(known):
        raise ValueError("a p-value needs calibration scores of at least one held-out person")
    if np.isnan(new).any() or np.isnan(known).any():
        raise ValueError("a score is not a number (NaN), so it has no p-value")
    ordered = np.sort(known)
    as_high = len(known) - np.searchsorted(ordered, new, side="left")
    values: NDArray[np.float64] = (1 + as_high) / (len(known) + 1)
    return values


def smallest_p(count: int) -> float:
    """The smallest p-value that calibration scores of `count` people can give."""
    return 1 / (count + 1)
