"""Sizes of regions in created images beside those in real ones, by a segmenter trained on label maps."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from scanvq.evaluation.image_set import draw
from scanvq.evaluation.label_maps import LabelMaps, MaskError
from scanvq.evaluation.metric import Score, with_interval
from scanvq.evaluation.segmenter import segment, train_segmenter
from scanvq.evaluation.sources import Sources
from scanvq.evaluation.split_images import SplitImages
from scanvq.metrics.refusal import NoVariation, Refusal, TooFewImages

TRAINED = 200  # images that the segmenter is trained on, at most
TESTED = 100  # held-out images that its Dice is measured on, at most
MOST_LABELS = 8
FEWEST = 8  # images with maps in each split
DICE = 0.6  # that the segmenter needs for a region on held-out scans, so that its size says something

Shares = NDArray[np.float64]


class SegmenterFails(Refusal):
    """The segmenter does not find a region in real held-out images."""


def score_regions(
    maps: LabelMaps, sources: Sources, reals: SplitImages, own: SplitImages, *, seed: int = 0
) -> dict[str, Any]:
    """Trains a segmenter on training images and their maps, and compares the sizes of regions that it finds.

    Args:
        maps: of training and held-out scans.
        sources: the images that are compared; the same segmenter is used on all of them.
        reals, own: held-out and training images.
        seed: of draws and segmenter.

    Returns:
        {"n", "n_train", "labels": {LABEL: {"dice", "share": {"samples", "reals"}, "size": a score}}}: "size"
        is the Wasserstein distance of the share of pixels, in standard deviations of held-out images; a label
        that the segmenter does not find has "refused". Or {"n", "refused"} with too few maps.

    Raises:
        MaskError: more than eight labels, or maps that cannot be read.
    """
    count = len(sources.created)
    random = np.random.default_rng(seed)
    known = [(part, maps.indices(part), most) for part, most in ((own, TRAINED), (reals, TESTED))]
    try:
        for part, indices, _ in known:
            if len(indices) < FEWEST:
                raise TooFewImages(
                    f"a segmenter needs at least {FEWEST} {part.split} images with a map; there are "
                    f"{len(indices)}"
                )
    except Refusal as refusal:
        return {"n": count, "refused": refusal.reason}
    read = []
    for part, indices, most in known:
        chosen = indices[draw(part.subjects[indices], min(most, len(indices)), random)]
        read.append((part.read(chosen, part.split), maps.read(part, chosen)))
    (training, training_maps), (test, test_maps) = read
    labels = np.unique(training_maps)
    if not 2 <= len(labels) <= MOST_LABELS + 1:
        raise MaskError(
            f"--masks {maps.folder} has {len(labels) - 1} labels beside 0; there must be 1 to {MOST_LABELS}"
        )
    classes = np.searchsorted(labels, training_maps)
    network = train_segmenter(training.images, classes, classes=len(labels), seed=seed)
    found = segment(network, test.images)
    sizes = zip(test_maps.shape[1:], found.shape[1:], strict=True)
    rows, columns = (_nearest(size, other) for size, other in sizes)
    wanted = test_maps[:, rows][:, :, columns]
    sets = (sources.created, sources.held_out, sources.training[0])
    shares = [_shares(segment(network, one.images), len(labels)) for one in sets]
    scores: dict[str, Any] = {}
    for place, label in enumerate(labels):
        if label != 0:
            dice = _dice(found == place, wanted == label)
            scores[str(label)] = _of_label(dice, [share[:, place] for share in shares], sources, seed)
    return {"n": count, "n_train": len(training), "labels": scores}


def _of_label(dice: float, shares: list[Shares], sources: Sources, seed: int) -> dict[str, Any]:
    created, held_out, training = shares
    means = {"samples": float(created.mean()), "reals": float(held_out.mean())}
    scored: dict[str, Any] = {"dice": dice, "share": means}
    try:
        if dice < DICE:
            raise SegmenterFails(f"Dice on held-out scans is {dice:.2f}; sizes need {DICE:g}")
        deviation = float(held_out.std())
        if deviation < 1e-9:
            raise NoVariation("the region has the same size in all held-out images")
    except Refusal as refusal:
        return {**scored, "refused": refusal.reason}
    statistic = partial(_distance, created, held_out, deviation)
    estimate = with_interval(statistic, sources.created, sources.held_out, interval=True, seed=seed)
    floor = float(stats.wasserstein_distance(training, held_out)) / deviation
    return {**scored, "size": Score(estimate=estimate, floor=floor, bad={}).to_dict()}


def _distance(
    created: Shares,
    held_out: Shares,
    deviation: float,
    kept: NDArray[np.bool_],
    others: NDArray[np.bool_],
) -> float:
    return float(stats.wasserstein_distance(created[kept], held_out[others])) / deviation


def _shares(classes: NDArray[np.int64], count: int) -> Shares:
    """The share of pixels of every class, (n, classes)."""
    return np.stack([(classes == one).mean(axis=(1, 2)) for one in range(count)], axis=1)


def _dice(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    """Of all pixels of all images together; 0 where the region is nowhere."""
    total = int(found.sum() + wanted.sum())
    return 2 * int((found & wanted).sum()) / total if total else 0.0


def _nearest(size: int, other: int) -> NDArray[np.int64]:
    """The rows of a map that a smaller one has, as `segment` reduces large images."""
    return np.minimum((np.arange(other) + 0.5) * size / other, size - 1).astype(np.int64)
