"""The spaces that images are compared in, each fitted to training images alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scanvq.evaluation.degradations import LEARNED
from scanvq.evaluation.image_set import ImageSet, Vectors
from scanvq.evaluation.named_space import NamedSpace
from scanvq.evaluation.small_network import as_input, features_of, train_network
from scanvq.metrics.eigenfilters import Eigenfilters
from scanvq.metrics.features import image_features
from scanvq.metrics.pca_features import PrincipalComponents, small_images

Images = NDArray[np.float32]
LARGEST_DEVIATION = 8.0  # standardized features beyond count as this
DIMENSIONS = 20  # of distances: n must be well above, and evaluations have 50 to 200 images
PCA_DIMENSIONS = 30  # of what classifiers see of 32x32 images
STEPS = 240  # of training the feature network


@dataclass(frozen=True, kw_only=True)
class Space:
    """A space of features.

    Attributes:
        name: "features" (hand-made), "pca32" (principal components of 32x32 images), "network", or that of a
            file.
        describe: images (n, H, W) to vectors (n, p): what a classifier sees.
        components: the leading directions of the training images' vectors, in which distances are measured.
    """

    name: str
    describe: Callable[[Images], Vectors]
    components: PrincipalComponents

    def vectors(self, images: ImageSet) -> Vectors:
        """(n, p)."""
        return images.described(self.name, self.describe)

    def fitted_to(self, training: ImageSet) -> Space:
        """The same space with the leading directions of other images."""
        return _with_components(self.name, self.describe, training)

    def projected(self, images: ImageSet) -> Vectors:
        """(n, d), d at most 20, of mean variance 1 for training images."""
        return self.components.project(self.vectors(images))


def fit_spaces(
    training: ImageSet, *, named: Sequence[NamedSpace] = (), network: bool = True, seed: int = 0
) -> tuple[Space, ...]:
    """The spaces of training images, at least two.

    Hand-made features in units of their standard deviation; principal components of 32x32 images, with the
    energies of eigenfilters, for these leave texture out; and the features of a small network that has
    learned to tell the training images from five degradations of them (blurred, shuffled patches, noisy,
    pixelated, warped): no label and no other image is needed. Spaces of files are not fitted, but for the
    leading directions.

    Args:
        training: the images.
        named: spaces of files, which come last.
        network: whether to train the network.
        seed: of its training.

    Raises:
        SpaceError: a file gives no finite vectors for these images.
    """
    spaces = [
        _with_components("features", _hand_made(training), training),
        _with_components("pca32", _small(training), training),
    ]
    if network:
        spaces.append(_with_components("network", _learned(training, seed), training))
    spaces += [_with_components(one.name, one.describe, training) for one in named]
    return tuple(spaces)


def _with_components(name: str, describe: Callable[[Images], Vectors], training: ImageSet) -> Space:
    components = PrincipalComponents.of(training.described(name, describe), DIMENSIONS)
    return Space(name=name, describe=describe, components=components)


def _hand_made(training: ImageSet) -> Callable[[Images], Vectors]:
    raw = image_features(training.images)
    mean, deviation = raw.mean(axis=0), raw.std(axis=0)
    deviation = np.where(deviation > 1e-6, deviation, 1.0)

    def describe(images: Images) -> Vectors:
        standardized = (image_features(images) - mean) / deviation
        return np.clip(standardized, -LARGEST_DEVIATION, LARGEST_DEVIATION)

    return describe


def _small(training: ImageSet) -> Callable[[Images], Vectors]:
    fitted = small_images(training.images)
    components, filters = PrincipalComponents.of(fitted, PCA_DIMENSIONS), Eigenfilters.of(fitted)

    def describe(images: Images) -> Vectors:
        small = small_images(images)
        return np.concatenate([components.project(small), filters.log_energies(small)], axis=1)

    return describe


def _learned(training: ImageSet, seed: int) -> Callable[[Images], Vectors]:
    random = np.random.default_rng(seed)
    versions = [training.images, *(degrade(training.images, random) for degrade in LEARNED)]
    targets = torch.arange(len(versions)).repeat_interleave(len(training))
    images = as_input(np.concatenate(versions))
    network = train_network(images, targets, outputs=len(versions), steps=STEPS, seed=seed)
    return lambda images: features_of(network, as_input(images))
