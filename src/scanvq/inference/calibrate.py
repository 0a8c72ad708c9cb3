"""Calibration of scores on held-out people of a run: one slice of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.model.calibration import (
    FEWEST_FOR_MAPS,
    MAP,
    Calibration,
    MapMoments,
    kinds_of_anomaly,
    map_score,
    plain_scores,
    pooled,
    smoothed,
    standardized,
)
from scanvq.model.model import Model
from scanvq.model.score_maps import Maps, Restoration, Sign, cell_bits, score_maps
from scanvq.store.run_data import RunData
from scanvq.types import Progress

BATCH = 8  # images read and scored at once
MOST_PEOPLE = 500
RESTORE_SHARE = 0.5
"""Share of the codes of calibration images, the most improbable, that are sampled again.

With .1 and .3, what surrounds a lesion is kept, and the prior continues it.
"""
DIGITS = 5  # of stored means and deviations


def calibrate(
    model: Model,
    data: RunData,
    *,
    split: str = "validation",
    restorations: int,
    with_prior: bool = True,
    sign: Sign = "any",
    progress: Progress | None = None,
    seed: int = 0,
) -> Calibration:
    """Scores one slice of each person of a split, drawn at random.

    One slice of each, because slices of one person are not exchangeable with those of another (subsampling
    once, Dunn, Wasserman and Ramdas, arXiv 1809.07441). The map of a person is compared with the maps of all
    others, as that of a new scan will be.

    Args:
        model: of the run.
        data: of the run.
        split: whose people are used; they must not have been trained on.
        restorations: of an image; 0 = without restoration.
        with_prior: False = residuals only.
        sign: of anomalies beside the restoration.
        progress: called with images done and all.
        seed: of the draw.

    Raises:
        ValueError: a split without people. TypeError: a prior without likelihood.
    """
    rows = one_row_of_each(data, split, seed)
    if not len(rows):
        raise ValueError(f"the run has no people in {split}, so there are no p-values")
    dataset = data.dataset(split)
    prior = model.prior if with_prior else None
    parts = np.split(rows, range(BATCH, len(rows), BATCH))
    above = None
    if prior is not None and restorations:
        levels = [
            cell_bits(prior, model.coder.encode(dataset.batch(part)[0]), device=model.device)
            for part in parts
        ]
        bits = torch.cat([level.flatten() for part in levels for level in part]).numpy()
        above = float(np.quantile(bits, 1 - RESTORE_SHARE))
    restoration = None if above is None else Restoration(above=above, count=restorations, sign=sign)
    grid = model.code_shapes[-1]
    cells: dict[str, list[Maps]] = {}
    scores: dict[str, list[NDArray[np.float64]]] = {}
    done = 0
    for part in parts:
        found = score_maps(
            model.coder, prior, dataset.batch(part)[0], restoration=restoration, device=model.device
        )
        for name, values in plain_scores(found).items():
            scores.setdefault(name, []).append(values)
        for name in kinds_of_anomaly(found):
            cells.setdefault(name, []).append(pooled(smoothed(found.maps[name]), grid))
        done += len(part)
        if progress is not None:
            progress(done, len(rows))
    joined = {name: np.concatenate(one) for name, one in cells.items()}
    named = {MAP: leave_one_out_scores(joined), **{name: np.concatenate(one) for name, one in scores.items()}}
    return Calibration(
        tokenizer=model.id,
        prior=model.prior_id if with_prior else None,
        split=split,
        people=len(rows),
        restore_above=above,
        restorations=0 if above is None else restorations,
        sign=sign if restoration is not None else "any",
        grid=grid,
        scores={name: tuple(np.sort(values).tolist()) for name, values in named.items()},
        moments={name: moments_of(values) for name, values in joined.items()},
    )


def one_row_of_each(data: RunData, split: str, seed: int) -> NDArray[np.int64]:
    """Indices in the split's data set: a slice of each group of subjects, in random order of the groups."""
    entries = data.catalog.entries
    groups = np.array([entries[entry].group for entry in data.store.entry[data.rows(split)]])
    random = np.random.default_rng(seed)
    order = random.permutation(len(groups))
    _, first = np.unique(groups[order], return_index=True)
    return order[random.permutation(first)[:MOST_PEOPLE]]


def leave_one_out_scores(cells: Mapping[str, Maps]) -> NDArray[np.float64]:
    """The map score of each of n people beside the moments of all others, (n,).

    Args:
        cells: by kind of map, (n, h, w).
    """
    count = len(next(iter(cells.values())))
    whole = {
        name: (values.sum(axis=0), np.square(values).sum(axis=0)) for name, values in _doubles(cells).items()
    }
    scores = []
    for person in range(count):
        own = {name: values[person : person + 1] for name, values in cells.items()}
        moments = {}
        for name, (total, squares) in whole.items():
            one = own[name][0].astype(np.float64) if count > 1 else 0.0
            others = max(1, count - 1)
            moments[name] = _from_sums((total - one) / others, (squares - np.square(one)) / others, count)
        scores.append(map_score(standardized(own, moments))[0])
    return np.array(scores, np.float64)


def _doubles(cells: Mapping[str, Maps]) -> dict[str, NDArray[np.float64]]:
    return {name: values.astype(np.float64) for name, values in cells.items()}


def _from_sums(
    mean: NDArray[np.float64], square: NDArray[np.float64], people: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation; of few people one number each."""
    if people < FEWEST_FOR_MAPS:
        mean, square = mean.mean(keepdims=True), square.mean(keepdims=True)
    return mean, np.sqrt(np.maximum(square - np.square(mean), 0))


def moments_of(cells: Maps) -> MapMoments:
    """Mean and deviation of maps (n, h, w) at each place; of fewer than 10 people one number each."""
    values = cells.astype(np.float64)
    mean, std = _from_sums(values.mean(axis=0), np.square(values).mean(axis=0), len(values))
    return MapMoments(
        shape=(mean.shape[0], mean.shape[1]),
        mean=tuple(float(f"{one:.{DIGITS}g}") for one in mean.ravel()),
        std=tuple(float(f"{one:.{DIGITS}g}") for one in std.ravel()),
    )
