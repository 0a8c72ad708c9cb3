"""Calibration of scores: those of held-out people, and the mean and spread of their maps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator
from scipy import ndimage

from scanvq.metrics.conformal import p_values, smallest_p
from scanvq.model.score_maps import RESTORED, Maps, Restoration, ScoreMaps, Sign

SMOOTHING = 0.04
"""Sigma of the Gaussian over the longer side of the image: 7.7 pixels of 192."""
FEWEST_FOR_MAPS = 10
"""With fewer people, mean and spread of a map are single numbers: a mean of few is nearly an image of one."""
SPREAD_FLOOR = 0.5
"""Of the mean spread of a map: added to the spread at each place, which is near 0 in empty air."""
TOP = 0.01
"""Share of the places of a map whose mean is its score."""
MAP, RESIDUAL, BITS = "map", "residual", "bits_per_pixel"


class MapMoments(BaseModel):
    """Mean and standard deviation of one kind of map over people, on a grid in row-major order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @model_validator(mode="after")
    def _check_length(self) -> MapMoments:
        places = self.shape[0] * self.shape[1]
        if len(self.mean) != places or len(self.std) != places:
            raise ValueError(f"a map of {self.shape[0]}x{self.shape[1]} needs {places} means and deviations")
        return self


class Calibration(BaseModel):
    """What scores of a model are compared with. Holds scores and means over people, never an image.

    Attributes:
        tokenizer: content id of the tokenizer.
        prior: content id of the prior; None = residuals only.
        split: of the run whose people are used.
        people: n; one slice of each.
        restore_above: bits of a code above which it is sampled again; None = no restoration.
        restorations: of an image; 0 = none.
        sign: of anomalies beside the restoration.
        grid: (h, w) at which maps are compared.
        scores: by name, the n scores in rising order: `map`, `residual`, `bits_per_pixel`.
        moments: of each kind of map that the anomaly map is made of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokenizer: str
    prior: str | None
    split: str
    people: int
    restore_above: float | None
    restorations: int
    sign: Sign = "any"
    grid: tuple[int, int]
    scores: dict[str, tuple[float, ...]]
    moments: dict[str, MapMoments]

    @model_validator(mode="after")
    def _check_scores(self) -> Calibration:
        if self.people < 1 or any(len(scores) != self.people for scores in self.scores.values()):
            raise ValueError(f"each score needs one number for each of the {self.people} people")
        if not np.isfinite([number for scores in self.scores.values() for number in scores]).all():
            raise ValueError("a calibration score is not a finite number")
        return self

    @property
    def restoration(self) -> Restoration | None:
        if self.restore_above is None:
            return None
        return Restoration(above=self.restore_above, count=self.restorations, sign=self.sign)

    @property
    def smallest_p(self) -> float:
        return smallest_p(self.people)

    def p_values(self, scores: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
        """Conformal p-values (n,) of each kind of score that was calibrated."""
        return {name: p_values(scores[name], known) for name, known in self.scores.items()}

    def scores_of(self, found: ScoreMaps) -> dict[str, NDArray[np.float64]]:
        """The scores of n images by name, (n,) each: those of the maps, and of the anomaly map."""
        cells = {name: pooled(smoothed(found.maps[name]), self.grid) for name in self.moments}
        moments = {name: interpolated(one, self.grid) for name, one in self.moments.items()}
        return {MAP: map_score(standardized(cells, moments)), **plain_scores(found)}

    def anomaly_map(self, found: ScoreMaps) -> Maps:
        """(n, H, W): the mean z-score of the smoothed maps beside those of the calibration people."""
        size = found.images.shape[1:]
        maps = {name: smoothed(found.maps[name]) for name in self.moments}
        moments = {name: interpolated(one, (size[0], size[1])) for name, one in self.moments.items()}
        return standardized(maps, moments)


Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean and standard deviation (H, W) of a map."""


def kinds_of_anomaly(found: ScoreMaps) -> tuple[str, ...]:
    """The maps that the anomaly map is made of: `restored` alone, or all others without restoration.

    Measured: bits and residual beside `restored` find lesions worse than `restored` alone.
    """
    return (RESTORED,) if RESTORED in found.maps else tuple(found.maps)


def plain_scores(found: ScoreMaps) -> dict[str, NDArray[np.float64]]:
    """The scores of n images that need no calibration, (n,) each."""
    scores = {RESIDUAL: found.residual}
    if found.bits_per_pixel is not None:
        scores[BITS] = found.bits_per_pixel
    return scores


def smoothed(maps: Maps) -> Maps:
    """Maps (n, H, W) under a Gaussian, mirrored at the border."""
    sigma = SMOOTHING * max(maps.shape[1:])
    result: Maps = ndimage.gaussian_filter(maps, (0, sigma, sigma))
    return result


def pooled(maps: NDArray[np.floating], grid: tuple[int, int]) -> Maps:
    """The mean of maps (n, H, W) in each place of a grid, (n, *grid)."""
    tensor = torch.from_numpy(np.ascontiguousarray(maps, np.float32))
    result: Maps = F.adaptive_avg_pool2d(tensor[:, None], grid)[:, 0].numpy()
    return result


def standardized(maps: Mapping[str, Maps], moments: Mapping[str, Moments]) -> Maps:
    """The mean over kinds of (map - mean) / spread; the spread has a floor, see `SPREAD_FLOOR`."""
    total = 0.0
    for name, own in maps.items():
        mean, std = moments[name]
        total = total + (own - mean) / np.maximum(np.hypot(std, SPREAD_FLOOR * std.mean()), 1e-9)
    return np.asarray(total / len(maps), np.float32)


def map_score(anomaly: Maps) -> NDArray[np.float64]:
    """(n,): the mean of the highest 1 % of each map (n, h, w), at least one place."""
    flat = np.sort(anomaly.reshape(len(anomaly), -1), axis=1)
    scores: NDArray[np.float64] = flat[:, -max(1, round(TOP * flat.shape[1])) :].mean(
        axis=1, dtype=np.float64
    )
    return scores


def interpolated(moments: MapMoments, size: tuple[int, int]) -> Moments:
    """Mean and deviation, interpolated to a size."""
    stacked = torch.tensor([moments.mean, moments.std], dtype=torch.float64).view(1, 2, *moments.shape)
    mean, std = F.interpolate(stacked, size=size, mode="bilinear", align_corners=False)[0].numpy()
    return mean, std
