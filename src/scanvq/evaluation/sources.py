"""The sources that are compared: held-out reals, their reconstructions, created images, training reals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from scanvq.evaluation.created_images import CreatedImages
from scanvq.evaluation.image_set import ImageSet, at_8_bits, draw
from scanvq.evaluation.references import FLOORS
from scanvq.evaluation.split_images import SplitImages
from scanvq.metrics.refusal import FEWEST_IMAGES, TooFewImages, require_subjects

Reconstruct = Callable[[Tensor], Tensor]
"""Images (n, 1, H, W) in [0, 1] to their reconstructions."""

FIT = 200  # training images that the spaces of features are fitted to, at most


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
    created: CreatedImages,
    reals: SplitImages,
    own: SplitImages,
    reconstruct: Reconstruct,
    *,
    floors: int = FLOORS,
    seed: int = 0,
) -> Sources:
    """Draws and reads equally many images of every source.

    Args:
        created: to be scored.
        reals: held-out images.
        own: training images of the run.
        reconstruct: images (n, 1, H, W) in [0, 1] to their reconstructions.
        floors: draws of training images.
        seed: of all draws.

    Raises:
        TooFewImages: fewer than 4 created, held-out or training images. TooFewSubjects: held-out or training
            images of one subject alone.
    """
    counts = {"created": len(created.images), "held-out": len(reals), "training": len(own)}
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
    randoms = [np.random.default_rng([seed, number]) for number in range(3 + floors)]
    chosen = np.sort(randoms[0].permutation(len(created.images))[:count])
    compared = reals.read(draw(reals.subjects, count, randoms[1]), "held-out reals")
    people = len(np.unique(compared.subjects))
    fit = draw(own.subjects, min(FIT, len(own)), randoms[2])
    draws = [draw(own.subjects, count, random, people=people) for random in randoms[3:]]
    return Sources(
        created=as_image_set(created).take(chosen),
        held_out=compared,
        reconstructions=reconstructions_of(compared, reconstruct),
        training=tuple(own.read(one, "training reals") for one in draws),
        fit=own.read(fit, "training reals"),
    )


def as_image_set(created: CreatedImages) -> ImageSet:
    """Created images, each of a subject of its own."""
    count = len(created.images)
    return ImageSet(
        name="created",
        images=at_8_bits(created.images),
        subjects=np.arange(count, dtype=np.int64) - count,  # below 0: of nobody else
        conditions=created.conditions,
    )


def reconstructions_of(reals: ImageSet, reconstruct: Reconstruct) -> ImageSet:
    """Real images through the tokenizer and back."""
    images = reconstruct(torch.from_numpy(reals.images)[:, None])[:, 0].numpy()
    return replace(reals, name="reconstructions", images=at_8_bits(images), _described={})


def _digest(sets: Sequence[ImageSet]) -> str:
    digest = hashlib.sha256()
    for one in sets:
        digest.update(str(one.images.shape).encode())
        digest.update(np.ascontiguousarray(one.images).tobytes())
        digest.update(one.subjects.tobytes())
    return digest.hexdigest()[:16]
