"""The sources that are compared: held-out reals, their reconstructions, created images, training reals."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.evaluation.image_set import ImageSet, draw
from scanvq.evaluation.references import FLOORS
from scanvq.metrics.refusal import FEWEST_IMAGES, TooFewImages, require_subjects
from scanvq.model.coder import Coder
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
    data: RunData,
    coder: Coder,
    *,
    split: str = "test",
    seed: int = 0,
) -> Sources:
    """Draws and reads equally many images of every source.

    Args:
        created: (m, H, W) in [0, 1].
        data: the run's.
        coder: reconstructs the held-out images.
        split: which is held out.
        seed: of all draws.

    Raises:
        TooFewImages: fewer than 4 created, held-out or training images. TooFewSubjects: held-out or training
            images of one subject alone.
    """
    subjects = {name: _subjects(data, name) for name in (split, "train")}
    counts = {"created": len(created), "held-out": len(subjects[split]), "training": len(subjects["train"])}
    count = min(counts.values())
    if count < FEWEST_IMAGES:
        there = ", ".join(f"{number} {name}" for name, number in counts.items())
        raise TooFewImages(
            f"scores of created images need at least {FEWEST_IMAGES} of each kind; there are {there} images"
        )
    for name, whose in ((split, "held-out"), ("train", "training")):
        people = len(np.unique(subjects[name]))
        require_subjects(people, f"comparing created with {whose} images", fewest=2)
    random = np.random.default_rng(seed)
    held_out = _read(data, split, draw(subjects[split], count, random), "held-out reals")
    reconstructed = coder.decode(coder.encode(torch.from_numpy(held_out.images)[:, None]))[:, 0].numpy()
    chosen = np.sort(random.permutation(len(created))[:count])
    own = np.arange(len(chosen), dtype=np.int64) - len(chosen)  # below 0: of nobody else
    people = len(np.unique(held_out.subjects))
    return Sources(
        created=ImageSet(name="created", images=created[chosen], subjects=own),
        held_out=held_out,
        reconstructions=replace(held_out, name="reconstructions", images=reconstructed, _described={}),
        training=tuple(
            _read(data, "train", draw(subjects["train"], count, random, people=people), "training reals")
            for _ in range(FLOORS)
        ),
        fit=_read(
            data,
            "train",
            draw(subjects["train"], min(FIT, counts["training"]), random),
            "training reals",
        ),
    )


def _subjects(data: RunData, split: str) -> NDArray[np.int64]:
    """The number of the group of subjects of every image of a split; the same in every split."""
    entries = data.catalog.entries
    names = np.unique([entry.group for entry in entries], return_inverse=True)[1]
    return names.astype(np.int64)[data.store.entry[data.rows(split)]]


def _read(data: RunData, split: str, chosen: NDArray[np.int64], name: str) -> ImageSet:
    dataset = data.dataset(split)
    parts = np.split(chosen, range(BATCH, len(chosen), BATCH))
    images = np.concatenate([dataset.batch(part)[0][:, 0].numpy() for part in parts])
    return ImageSet(name=name, images=images, subjects=_subjects(data, split)[chosen])


def _digest(sets: Sequence[ImageSet]) -> str:
    digest = hashlib.sha256()
    for one in sets:
        digest.update(str(one.images.shape).encode())
        digest.update(np.ascontiguousarray(one.images).tobytes())
        digest.update(one.subjects.tobytes())
    return digest.hexdigest()[:16]
