"""The images of one split of a run's data, with subjects numbered alike in several splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanvq.evaluation.image_set import ImageSet, at_8_bits
from scanvq.store.run_data import RunData

BATCH = 16  # images read at once


@dataclass(frozen=True, kw_only=True)
class SplitImages:
    """The images of one split, which are read when they are asked for.

    Attributes:
        data: of the run, or of another folder.
        split: its name.
        subjects: (n,) int64, whose image each is; groups that belong together count as one subject.
    """

    data: RunData
    split: str
    subjects: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.subjects)

    @property
    def conditions(self) -> Mapping[str, NDArray[Any]]:
        """The conditions of all images, by name (n,), as in `Condition`."""
        return self.data.dataset(self.split).conditions

    def read(self, chosen: NDArray[np.int64], name: str) -> ImageSet:
        """Some of the images, by their indices, at least one."""
        dataset = self.data.dataset(self.split)
        parts = np.split(chosen, range(BATCH, len(chosen), BATCH))
        return ImageSet(
            name=name,
            images=at_8_bits(np.concatenate([dataset.batch(part)[0][:, 0].numpy() for part in parts])),
            subjects=self.subjects[chosen],
            conditions={condition: values[chosen] for condition, values in dataset.conditions.items()},
        )


def split_images(*wanted: tuple[RunData, str]) -> tuple[SplitImages, ...]:
    """Splits of one or several data sets; a subject has the same number in all of them.

    Args:
        wanted: data and name of each split.
    """
    numbers: dict[str, int] = {}
    for data, _ in wanted:
        for entry in data.catalog.entries:
            numbers.setdefault(entry.group, len(numbers))
    splits = []
    for data, split in wanted:
        entries = np.array([numbers[entry.group] for entry in data.catalog.entries], np.int64)
        subjects = entries[data.store.entry[data.rows(split)]]
        splits.append(SplitImages(data=data, split=split, subjects=subjects))
    return tuple(splits)
