"""The error of reconstructions by frequency band, beside that of degraded originals."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.evaluation.degradations import BAD_REFERENCES
from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.metric import Score, with_interval
from scanvq.metrics.band_error import BANDS, band_error

BATCH = 16


def band_errors(reconstructions: ImageSet, originals: ImageSet, *, seed: int = 0) -> dict[str, Score]:
    """The mean error of every band, "band_error.1" (coarse) to "band_error.8" (fine).

    Its floor is 0, the error of an exact copy; bad references are the originals themselves, degraded.

    Args:
        reconstructions: of `originals`, in their order.
        originals: real images.
        seed: of the groups of subjects, and of degradations.
    """
    errors = _errors(reconstructions.images, originals.images)
    random = np.random.default_rng(seed)
    bad = {
        name: _errors(degrade(originals.images, random), originals.images).mean(axis=0)
        for name, degrade in BAD_REFERENCES.items()
    }
    scores = {}
    for band in range(BANDS):
        estimate = with_interval(
            partial(_mean_of_kept, errors[:, band]),
            reconstructions,
            originals,
            interval=True,
            seed=seed,
        )
        worse = {name: float(values[band]) for name, values in bad.items()}
        scores[f"band_error.{band + 1}"] = Score(estimate=estimate, floor=0.0, bad=worse)
    return scores


def _mean_of_kept(errors: NDArray[np.float64], kept: NDArray[np.bool_], others: NDArray[np.bool_]) -> float:
    """The mean error of the reconstructions that a mask keeps; the mask of the originals is not used."""
    return float(errors[kept].mean())


def _errors(images: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, bands)."""
    ours, theirs = torch.from_numpy(images)[:, None], torch.from_numpy(targets)[:, None]
    batches = zip(ours.split(BATCH), theirs.split(BATCH), strict=True)
    return torch.cat([band_error(*pair) for pair in batches]).double().numpy()
