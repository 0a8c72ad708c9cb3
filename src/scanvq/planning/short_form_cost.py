"""The time of the sample scores at the end of `fit`, from its measured parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scanvq.evaluation.comparison_metrics import comparison_metrics
from scanvq.evaluation.created_images import sampled_images
from scanvq.evaluation.degradations import BAD_REFERENCES
from scanvq.evaluation.image_set import ImageSet
from scanvq.evaluation.sample_scores import COMPARISONS
from scanvq.evaluation.short_form import MOST, affordable_count
from scanvq.evaluation.sources import FIT
from scanvq.evaluation.spaces import Space, fit_spaces
from scanvq.evaluation.variety import PAIRS
from scanvq.metrics.halves import half_statistics
from scanvq.metrics.ms_ssim import ms_ssim
from scanvq.model.model import Model
from scanvq.model.sample import BATCH
from scanvq.storage.run_directory import RunDirectory
from scanvq.store.dataset import SliceDataset

IMAGES = 4  # that are described
SOURCES = 4 + len(
    BAD_REFERENCES
)  # of as many images as there are samples: created, reals, reconstructions, floor
INTERVALS = 1 + len(COMPARISONS)  # comparisons with intervals: the floor is one
SHARE = 0.7  # of the time of a comparison that it takes without intervals; measured
FITTED = 40  # vectors that spaces are fitted to here; only their number of dimensions matters


@dataclass(frozen=True, kw_only=True)
class ShortFormCost:
    """Seconds of the parts of the short form, on this machine.

    Attributes:
        sample: a batch of 16 samples.
        describe: an image, in both spaces and by halves.
        pair: MS-SSIM of a pair.
        compare: a comparison of 64 described images on each side, with intervals.
    """

    sample: float
    describe: float
    pair: float
    compare: float

    def seconds(self, images: int) -> float:
        """Of the whole short form; 0 where it is refused.

        Args:
            images: test images, or training images where these are fewer.
        """
        if images < BATCH:
            return 0.0
        count = min(MOST, images)
        if count > BATCH:
            count = min(count, affordable_count(self.sample))
        batches = count / BATCH + (1 if images > BATCH else 0)
        comparisons = INTERVALS + SHARE * len(BAD_REFERENCES)
        return (
            self.sample * batches
            + self.describe * (FIT + SOURCES * count)
            + self.pair * PAIRS * (INTERVALS + len(BAD_REFERENCES))
            + self.compare * comparisons * count / MOST
        )


def measure_short_form(model: Model, run: RunDirectory, dataset: SliceDataset) -> ShortFormCost:
    """Measures each part once, the comparison on random vectors.

    Args:
        model: with a prior; how well it is trained does not matter.
        run: where the codes of samples are kept.
        dataset: at least one image.
    """
    chosen = np.arange(IMAGES) % len(dataset)
    tensor = dataset.batch(chosen)[0]
    images = ImageSet(name="measured", images=tensor[:, 0].numpy(), subjects=np.arange(IMAGES))
    spaces = fit_spaces(images, network=False)

    def describe() -> None:
        for space in spaces:
            space.describe(images.images)
        half_statistics(images.images)

    return ShortFormCost(
        sample=_seconds(lambda: sampled_images(model, BATCH, run.sample_codes)),
        describe=_seconds(describe) / IMAGES,
        pair=_seconds(lambda: ms_ssim(tensor, tensor.flip(0))) / IMAGES,
        compare=_seconds(lambda: _compare(spaces, images)),
    )


def _compare(spaces: tuple[Space, ...], images: ImageSet) -> None:
    """Compares random vectors of as many dimensions as the images have in the spaces."""
    random = np.random.default_rng(0)
    sizes = {space.name: space.vectors(images).shape[1] for space in spaces}

    def noise(number: int, count: int) -> ImageSet:
        return ImageSet(
            name="noise",
            images=np.zeros((count, 8, 8), np.float32),
            subjects=np.arange(count) + 1000 * number,
            _described={name: random.normal(size=(count, size)) for name, size in sizes.items()},
        )

    fitted = tuple(space.fitted_to(noise(0, FITTED)) for space in spaces)
    sides = noise(1, MOST), noise(2, MOST)
    for metric in comparison_metrics(fitted):
        if metric.name not in ("ms_ssim", "symmetry"):  # which look at images
            metric.update(sides[0], side="created")
            metric.update(sides[1], side="reference")
            metric.compute()


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
