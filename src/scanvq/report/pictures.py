"""Images for the page from data and model: examples, reconstructions, samples, completions."""

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
from scanvq.report.report_data import ExampleImage, GeneratedImages, InpaintedImage, ReconstructedImage
from scanvq.store.dataset import SliceDataset
from scanvq.store.run_data import SPLITS, RunData

EXAMPLES, RECONSTRUCTIONS, SAMPLES, INPAINTED, COMPLETIONS = 8, 6, 16, 3, 2
MAX_LABELS = 8
WORST = 10
SEED = 0
KEPT_HALF = "top-half"


def examples(data: RunData) -> dict[str, list[ExampleImage]]:
    """Images of every split, evenly spread."""
    found = {}
    for split in SPLITS:
        dataset = data.dataset(split)
        chosen = spread(len(dataset), EXAMPLES)
        if len(chosen):
            images = images_of(dataset, chosen)
            found[split] = [
                ExampleImage(image=image, name=name_of(dataset, index))
                for image, index in zip(images, chosen, strict=True)
            ]
    return found


def reconstructions(
    model: Model, data: RunData, indices: NDArray[np.int64], ranks: Sequence[str] = ()
) -> tuple[ReconstructedImage, ...]:
    """Test images with their codes and reconstructions.

    Args:
        model: of the run.
        data: of the run.
        indices: of images in the test split.
        ranks: a name for each image; empty = no names.
    """
    dataset = data.dataset("test")
    if not len(indices):
        return ()
    images = torch.from_numpy(images_of(dataset, indices))[:, None]
    codes = model.coder.encode(images)
    decoded = model.coder.decode(codes)
    scores = ssim(decoded, images).tolist()
    coarsest = model.coder.decode_coarsest(codes)
    return tuple(
        ReconstructedImage(
            image=images[n, 0].numpy(),
            name=name_of(dataset, int(index)),
            codes=tuple(level[n].numpy() for level in codes),
            reconstruction=decoded[n, 0].numpy(),
            ssim=scores[n],
            coarsest=None if coarsest is None else coarsest[n, 0].numpy(),
            rank=ranks[n] if ranks else "",
        )
        for n, index in enumerate(indices)
    )


def worst_first(scores: NDArray[np.float64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The indices of the ten images with the lowest score, then of the median and the best; their ranks."""
    ranking = np.argsort(scores, kind="stable")
    worst = ranking[:WORST]
    chosen = [*worst, ranking[len(ranking) // 2], ranking[-1]]
    ranks = ["worst", *(f"{number}. worst" for number in range(2, len(worst) + 1)), "median", "best"]
    return np.array(chosen, np.int64), tuple(ranks)


def generated(model: Model, data: RunData | None) -> tuple[GeneratedImages, ...]:
    """Samples of the prior for each label, with real test images of that label.

    Without labels, all conditions are drawn from their joint distribution.
    """
    labels: tuple[str | None, ...] = model.labels[:MAX_LABELS] or (None,)
    count = max(2, SAMPLES // len(labels))
    found = []
    for label in labels:
        codes = model.sample_codes(count, label=label, params=model.sampling_params(label=label), seed=SEED)
        images = model.decoders.decode(codes, seed=SEED)[:, 0].numpy()
        real = np.zeros((0, *images.shape[1:]), np.float32)
        if data is not None:
            dataset = data.dataset("test")
            rows = np.arange(len(dataset))
            if label is not None:
                rows = rows[dataset.conditions["label"] == model.labels.index(label)]
            if len(rows):
                real = images_of(dataset, rows[spread(len(rows), count)])
        grids = tuple(level.numpy() for level in codes)
        found.append(GeneratedImages(label=label or "", images=images, codes=grids, real=real))
    return tuple(found)


def inpainted(model: Model, data: RunData) -> tuple[InpaintedImage, ...]:
    """Test images whose lower half is inpainted. Empty if the prior cannot inpaint."""
    dataset = data.dataset("test")
    indices = spread(len(dataset), INPAINTED)
    if not model.prior.can_inpaint or not len(indices):
        return ()
    images = images_of(dataset, indices)
    hidden = unknown_region(KEPT_HALF, images.shape[1:])
    scans = model.inpaint(Scan(slices=images), hidden, count=COMPLETIONS, seed=SEED)
    return tuple(
        InpaintedImage(
            image=image,
            name=name_of(dataset, int(index)),
            given=np.where(hidden, 0.0, image).astype(np.float32),
            completions=np.stack([scan.slices[n] for scan in scans]),
        )
        for n, (image, index) in enumerate(zip(images, indices, strict=True))
    )


def spread(total: int, count: int) -> NDArray[np.int64]:
    """Up to `count` indices below `total`, evenly spread."""
    if total == 0:
        return np.zeros(0, np.int64)
    chosen: NDArray[np.int64] = np.unique(
        np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)
    )
    return chosen


def images_of(dataset: SliceDataset, indices: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Images (n, H, W) in [0, 1] of a data set."""
    images: Tensor = dataset.batch(np.asarray(indices, np.int64))[0]
    pixels: NDArray[np.float32] = images[:, 0].numpy()
    return pixels


def name_of(dataset: SliceDataset, index: int) -> str:
    """The file of an image, and the slice if the file has several."""
    store, row = dataset.store, int(dataset.rows[index])
    entry = int(store.entry[row])
    name = store.catalog.entries[entry].path.name
    several = int((store.entry == entry).sum()) > 1
    return f"{name}, slice {int(store.slice_index[row])}" if several else name
