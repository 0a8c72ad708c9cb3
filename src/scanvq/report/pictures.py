"""The pictures that need data or models: examples, reconstructions, samples, completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.imaging.formats import Scan
from scanvq.metrics.ssim import ssim
from scanvq.model.inpaint import unknown_region
from scanvq.model.model import Model
from scanvq.report.report_data import Completed, Example, Generated, Rebuilt
from scanvq.store.dataset import SliceDataset
from scanvq.store.run_data import SPLITS, RunData

EXAMPLES, REBUILT, SAMPLES, COMPLETED, COMPLETIONS = 8, 6, 16, 3, 2
MOST_LABELS = 8
SEED = 0
KEPT_HALF = "top-half"


def examples(data: RunData) -> dict[str, list[Example]]:
    """Some images of every split, evenly spread over it."""
    found = {}
    for split in SPLITS:
        dataset = data.dataset(split)
        chosen = spread(len(dataset), EXAMPLES)
        if len(chosen):
            images = _images(dataset, chosen)
            found[split] = [
                Example(image=image, name=_name(dataset, index))
                for image, index in zip(images, chosen, strict=True)
            ]
    return found


def rebuilt(
    model: Model, data: RunData, indices: NDArray[np.int64], ranks: Sequence[str] = ()
) -> tuple[Rebuilt, ...]:
    """Test images through the tokenizer.

    Args:
        model: its tokenizer.
        data: its data.
        indices: which images of the test split.
        ranks: what to call each of them; empty for nothing.
    """
    dataset = data.dataset("test")
    if not len(indices):
        return ()
    images = torch.from_numpy(_images(dataset, indices))[:, None]
    codes = model.coder.encode(images)
    decoded = model.coder.decode(codes)
    scores = ssim(decoded, images).tolist()
    coarsest = model.coder.decode_coarsest(codes)
    return tuple(
        Rebuilt(
            image=images[n, 0].numpy(),
            name=_name(dataset, int(index)),
            codes=tuple(level[n].numpy() for level in codes),
            reconstruction=decoded[n, 0].numpy(),
            ssim=scores[n],
            coarsest=None if coarsest is None else coarsest[n, 0].numpy(),
            rank=ranks[n] if ranks else "",
        )
        for n, index in enumerate(indices)
    )


def best_median_worst(scores: NDArray[np.float64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Which images those are, and what they are called."""
    order = np.argsort(-scores, kind="stable")
    return order[[0, (len(order) - 1) // 2, len(order) - 1]].astype(np.int64), ("best", "median", "worst")


def generated(model: Model, data: RunData | None) -> tuple[Generated, ...]:
    """New images from the prior, for each label, beside real test images of that label.

    Without labels, all conditions are drawn from their joint distribution.
    """
    labels: tuple[str | None, ...] = model.labels[:MOST_LABELS] or (None,)
    count = max(2, SAMPLES // len(labels))
    found = []
    for label in labels:
        codes = model.sample_codes(count, label=label, params=model.sampling_params(label=label), seed=SEED)
        images = model.coder.decode(codes)[:, 0].numpy()
        real = np.zeros((0, *images.shape[1:]), np.float32)
        if data is not None:
            dataset = data.dataset("test")
            own = np.arange(len(dataset))
            if label is not None:
                own = own[dataset.conditions["label"] == model.labels.index(label)]
            if len(own):
                real = _images(dataset, own[spread(len(own), count)])
        grids = tuple(level.numpy() for level in codes)
        found.append(Generated(label=label or "", images=images, codes=grids, real=real))
    return tuple(found)


def completed(model: Model, data: RunData) -> tuple[Completed, ...]:
    """Test images whose lower half is drawn anew. Empty where the prior makes whole grids only."""
    dataset = data.dataset("test")
    indices = spread(len(dataset), COMPLETED)
    if not model.prior.can_inpaint or not len(indices):
        return ()
    images = _images(dataset, indices)
    hidden = unknown_region(KEPT_HALF, images.shape[1:])
    scans = model.inpaint(Scan(slices=images), hidden, count=COMPLETIONS, seed=SEED)
    return tuple(
        Completed(
            image=image,
            name=_name(dataset, int(index)),
            given=np.where(hidden, 0.0, image).astype(np.float32),
            completions=np.stack([scan.slices[n] for scan in scans]),
        )
        for n, (image, index) in enumerate(zip(images, indices, strict=True))
    )


def spread(total: int, count: int) -> NDArray[np.int64]:
    """Up to `count` numbers below `total`, evenly spread."""
    if total == 0:
        return np.zeros(0, np.int64)
    chosen: NDArray[np.int64] = np.unique(
        np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)
    )
    return chosen


def _images(dataset: SliceDataset, indices: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    images: Tensor = dataset.batch(np.asarray(indices, np.int64))[0]
    pixels: NDArray[np.float32] = images[:, 0].numpy()
    return pixels


def _name(dataset: SliceDataset, index: int) -> str:
    """The file of an image, and which slice of it where there are several."""
    store, row = dataset.store, int(dataset.rows[index])
    entry = int(store.entry[row])
    name = store.catalog.entries[entry].path.name
    several = int((store.entry == entry).sum()) > 1
    return f"{name}, slice {int(store.slice_index[row])}" if several else name
