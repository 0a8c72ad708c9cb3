"""Means and distributions of scores with their 95 % intervals, in the form of metrics.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.metrics.bootstrap import bootstrap_interval
from scanvq.metrics.refusal import Refusal
from scanvq.metrics.summary import distribution

Values = NDArray[np.float64]


def means(scores: Mapping[str, Values], subjects: NDArray[np.integer]) -> dict[str, dict[str, Any]]:
    """{"value", "low", "high"} of each score; without an interval, low and high are None and `note` says why.

    Args:
        scores: by name, (n,) each, of the same images.
        subjects: (n,), whose image it is.
    """
    return {
        name: {"value": float(scores[name].mean()), **interval}
        for name, interval in _intervals(scores, subjects).items()
    }


def distributions(
    scores: Mapping[str, Values],
    subjects: NDArray[np.integer],
    *,
    thresholds: Mapping[str, float | None] | None = None,
) -> dict[str, dict[str, Any]]:
    """The `distribution` of each score, with "low" and "high" of its mean as in `means`.

    Args:
        scores: by name, (n,) each, of the same images.
        subjects: (n,), whose image it is.
        thresholds: by name, also give the share of images above it.
    """
    above = thresholds or {}
    return {
        name: {**distribution(torch.from_numpy(scores[name]), above=above.get(name)), **interval}
        for name, interval in _intervals(scores, subjects).items()
    }


def _intervals(scores: Mapping[str, Values], subjects: NDArray[np.integer]) -> dict[str, dict[str, Any]]:
    if not scores:
        return {}
    try:
        low, high = bootstrap_interval(np.stack(list(scores.values()), axis=1), subjects)
    except Refusal as refusal:
        note = f"no interval, {refusal.reason}"
        return {name: {"low": None, "high": None, "note": note} for name in scores}
    return {
        name: {"low": float(low[number]), "high": float(high[number])} for number, name in enumerate(scores)
    }
