"""Synthetic scans as PyTorch data sets: of a fixed length, or endless."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from scanvq.synthetic.cohort import LEVELS, draw_slice, label_of
from scanvq.synthetic.contrast import draw_acquisition
from scanvq.synthetic.deformation import draw_anatomy
from scanvq.synthetic.templates import load_templates

MOST_WORKERS = 1024


class SyntheticItem(TypedDict):
    """One synthetic slice.

    image: (1, H, W) float32 in [0, 1]. segmentation: (1, H, W) uint8: 0 background, 1 cerebrospinal fluid,
    2 gray matter, 3 white matter. label: 0 for NC, 1 for AD. position: of the slice in the cerebrum, from 0
    (inferior) to 1.
    """

    image: Tensor
    segmentation: Tensor
    label: int
    position: float


class SyntheticScans(Dataset[SyntheticItem]):
    """Slices of synthetic brains, one a subject; item i depends on the seed and on i alone.

    For any loader of PyTorch, MONAI or Lightning, with any number of workers.

    Args:
        length: number of subjects.
        height, width: of the images in pixels.
        seed: 0 or more.

    Raises:
        MissingTemplatesError: the `demo` extra is not installed.
    """

    def __init__(self, length: int, *, height: int = 256, width: int = 256, seed: int = 0) -> None:
        if length < 1:
            raise ValueError(f"length is {length}; it must be 1 or more")
        self._length, self._height, self._width, self._seed = length, height, width, seed
        load_templates()  # once, before workers are forked; they share its memory

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> SyntheticItem:
        if not -self._length <= index < self._length:
            raise IndexError(f"item {index} of {self._length}")
        return _item(index % self._length, height=self._height, width=self._width, seed=[self._seed, 0])


class SyntheticStream(IterableDataset[SyntheticItem]):
    """Endless slices of synthetic brains, each of another subject.

    Every worker and every epoch gives other scans; they depend on the seed, the epoch, the number of the
    worker and their place only. An epoch is an iteration over the loader: it ends where the user stops.

    Args:
        height, width: of the images in pixels.
        seed: 0 or more.
        rank: of this process where several train together, so that each gets other scans.

    Raises:
        MissingTemplatesError: the `demo` extra is not installed.
    """

    def __init__(self, *, height: int = 256, width: int = 256, seed: int = 0, rank: int = 0) -> None:
        self._height, self._width, self._seed, self._rank = height, width, seed, rank
        # In shared memory: a worker process counts its epochs also for those that come after it.
        self._epochs = torch.zeros(MOST_WORKERS, dtype=torch.int64).share_memory_()
        load_templates()

    def __iter__(self) -> Iterator[SyntheticItem]:
        found = get_worker_info()
        worker = 0 if found is None else found.id
        epoch = int(self._epochs[worker])
        self._epochs[worker] += 1
        return self._items([self._seed, 1 + self._rank, epoch, worker])

    def _items(self, seed: list[int]) -> Iterator[SyntheticItem]:
        number = 0
        while True:
            yield _item(number, height=self._height, width=self._width, seed=seed)
            number += 1


def _item(subject: int, *, height: int, width: int, seed: list[int]) -> SyntheticItem:
    templates, label = load_templates(), label_of(subject)
    generator = np.random.default_rng([*seed, subject])
    anatomy = draw_anatomy(label, templates, generator)
    acquisition = draw_acquisition(generator)
    position = float(generator.random())
    low, high = LEVELS
    level = low + (0.05 + 0.9 * position) * (high - low)
    image, segmentation = draw_slice(
        templates, anatomy, acquisition, level=level, height=height, width=width, generator=generator
    )
    return {
        "image": torch.from_numpy(image)[None],
        "segmentation": torch.from_numpy(segmentation)[None],
        "label": int(label == "AD"),
        "position": position,
    }
