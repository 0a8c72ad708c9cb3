"""The sources that are compared: held-out reals, their reconstructions, created images, training reals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.evaluation.image_set import ImageSet, draw
from scanvq.evaluation.references import FLOORS
from scanvq.metrics.refusal import FEWEST_IMAGES, TooFewImages, require_subjects
from scanvq.store.run_data import RunData

FIT = 200  # training images that the spaces of features are fitted to, at most
BATCH = 16  # images read at once


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Everything that the scores of created images need, equally many of each but of `fit`.

    Attributes:
        created: n images, each of a subject of its own.
        held_out: n real images of as many subjects as there are.
        reconstructions: of the same images.
        training: draws of n training images, of as many subjects as `held_out` where possible.
        fit: training images that the spaces of features are fitted to.
    """

    created: ImageSet
    held_out: ImageSet
    reconstructions: ImageSet
    training: tuple[ImageSet, ...]
    fit: ImageSet

    @property
    def digest(self) -> str:
        """Of all images and subjects: equal digests have equal scores."""
        sets = (self.created, self.reconstructions)
        return _digest([*sets]) + self.references_digest

    @property
    def references_digest(self) -> str:
        """Of what floor and bad references are measured on."""
        return _digest([self.held_out, self.fit, *self.training])


def read_sources(
    created: NDArray[np.float32],
    held_out: RunData,
    training: RunData,
    reconstruct: Callable[[Tensor], Tensor],
    *,
    split: str = "test",
    seed: int = 0,
) -> Sources:
    """Draws and reads equally many images of every source.

    Args:
        created: (m, H, W) in [0, 1].
        held_out: the run's data, or those of another folder.
        training: the run's data.
        reconstruct: images (n, 1, H, W) in [0, 1] to their reconstructions.
        split: of `held_out`, which is compared.
        seed: of all draws.

    Raises:
        TooFewImages: fewer than 4 created, held-out or training images. TooFewSubjects: held-out or training
            images of one subject alone.
    """
    reals, own = _splits((held_out, split), (training, "train"))
    counts = {"created": len(created), "held-out": len(reals), "training": len(own)}
    count = min(counts.values())
    if count < FEWEST_IMAGES:
        there = ", ".join(f"{number} {name}" for name, number in counts.items())
        raise TooFewImages(
            f"scores of created images need at least {FEWEST_IMAGES} of each kind; there are {there} images"
        )
    for part, whose in ((reals, "held-out"), (own, "training")):
        people = len(np.unique(part.subjects))
        require_subjects(people, f"comparing created with {whose} images", fewest=2)
    # A generator each: what is drawn of one source does not depend on the size of another.
    randoms = [np.random.default_rng([seed, number]) for number in range(3 + FLOORS)]
    chosen = np.sort(randoms[0].permutation(len(created))[:count])
    compared = reals.read(draw(reals.subjects, count, randoms[1]), "held-out reals")
    reconstructed = reconstruct(torch.from_numpy(compared.images)[:, None])[:, 0].numpy()
    people = len(np.unique(compared.subjects))
    fit = draw(own.subjects, min(FIT, len(own)), randoms[2])
    draws = [draw(own.subjects, count, random, people=people) for random in randoms[3:]]
    return Sources(
        created=ImageSet(
            name="created",
            images=created[chosen],
            subjects=np.arange(count, dtype=np.int64) - count,  # below 0: of nobody else
        ),
        held_out=compared,
        reconstructions=replace(compared, name="reconstructions", images=reconstructed, _described={}),
        training=tuple(own.read(one, "training reals") for one in draws),
        fit=own.read(fit, "training reals"),
    )


@dataclass(frozen=True, kw_only=True)
class _Split:
    """The images of one split; `subjects` (n,) numbers whose they are, equally in both splits."""

    data: RunData
    split: str
    subjects: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.subjects)

    def read(self, chosen: NDArray[np.int64], name: str) -> ImageSet:
        dataset = self.data.dataset(self.split)
        parts = np.split(chosen, range(BATCH, len(chosen), BATCH))
        images = np.concatenate([dataset.batch(part)[0][:, 0].numpy() for part in parts])
        return ImageSet(name=name, images=images, subjects=self.subjects[chosen])


def _splits(*wanted: tuple[RunData, str]) -> list[_Split]:
    numbers: dict[str, int] = {}
    for data, _ in wanted:
        for entry in data.catalog.entries:
            numbers.setdefault(entry.group, len(numbers))
    splits = []
    for data, split in wanted:
        entries = np.array([numbers[entry.group] for entry in data.catalog.entries], np.int64)
        splits.append(_Split(data=data, split=split, subjects=entries[data.store.entry[data.rows(split)]]))
    return splits


def _digest(sets: Sequence[ImageSet]) -> str:
    digest = hashlib.sha256()
    for one in sets:
        digest.update(str(one.images.shape).encode())
        digest.update(np.ascontiguousarray(one.images).tobytes())
        digest.update(one.subjects.tobytes())
    return digest.hexdigest()[:16]
