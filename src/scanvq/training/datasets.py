"""Training samples of the stages: images for tokenizers, codes for priors, both for decoders."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.store.dataset import SliceDataset
from scanvq.types import Batch, Codes


class ImageDataset:
    """Images of one split.

    Args:
        dataset: the slices.
        flip: mirror half of the images left to right.
    """

    def __init__(self, dataset: SliceDataset, *, flip: bool = False) -> None:
        self._dataset, self._flip = dataset, flip

    def __len__(self) -> int:
        return len(self._dataset)

    def batch(
        self, indices: NDArray[np.int64], augmentation_uniforms: NDArray[np.float64], device: torch.device
    ) -> Batch:
        images, condition = self._dataset.batch(indices, device)
        if self._flip:
            mirrored = torch.from_numpy(augmentation_uniforms < 0.5).to(device)[:, None, None, None]
            images = torch.where(mirrored, images.flip(-1), images)
        return Batch(images=images, condition=condition)


class CodeDataset:
    """Codes of one split, and of the mirrored images if these are encoded too.

    Args:
        levels: one array (n, h, w) for each level of codes.
        mirrored: the same for the mirrored images, or None.
        conditions: what is known of each image, by name, (n,) int64 or float32 as in `Condition`.
        mirrored_conditions: those of the mirrored images that differ.
    """

    def __init__(
        self,
        levels: tuple[NDArray[np.integer], ...],
        *,
        mirrored: tuple[NDArray[np.integer], ...] | None = None,
        conditions: Mapping[str, NDArray[np.int64] | NDArray[np.float32]] | None = None,
        mirrored_conditions: Mapping[str, NDArray[np.int64] | NDArray[np.float32]] | None = None,
    ) -> None:
        self._levels, self._mirrored, self.conditions = levels, mirrored, dict(conditions or {})
        self._mirrored_conditions = dict(mirrored_conditions or {})

    def __len__(self) -> int:
        return len(self._levels[0])

    def batch(
        self, indices: NDArray[np.int64], augmentation_uniforms: NDArray[np.float64], device: torch.device
    ) -> Batch:
        codes = self._codes(indices, augmentation_uniforms, device)
        known = {name: values[indices] for name, values in self.conditions.items()}
        for name, values in self._mirrored_conditions.items():
            known[name] = np.where(augmentation_uniforms < 0.5, values[indices], known[name])
        condition = Condition.of({name: torch.from_numpy(value).to(device) for name, value in known.items()})
        return Batch(codes=codes, condition=condition)

    def _codes(
        self, indices: NDArray[np.int64], augmentation_uniforms: NDArray[np.float64], device: torch.device
    ) -> Codes:
        levels = [level[indices] for level in self._levels]
        if self._mirrored is not None:
            swap = (augmentation_uniforms < 0.5)[:, None, None]
            levels = [
                np.where(swap, mirrored[indices], level)
                for level, mirrored in zip(levels, self._mirrored, strict=True)
            ]
        return tuple(_as_codes(level, device) for level in levels)


class CodedImageDataset:
    """Images of one split with their codes; both are mirrored by the same uniform number.

    Args:
        images: the images.
        codes: of the same images, in the same order.
    """

    def __init__(self, images: ImageDataset, codes: CodeDataset) -> None:
        self._images, self._codes = images, codes

    def __len__(self) -> int:
        return len(self._images)

    def batch(
        self, indices: NDArray[np.int64], augmentation_uniforms: NDArray[np.float64], device: torch.device
    ) -> Batch:
        return Batch(
            images=self._images.batch(indices, augmentation_uniforms, device).images,
            codes=self._codes.batch(indices, augmentation_uniforms, device).codes,
        )


def _as_codes(level: NDArray[np.integer], device: torch.device) -> Tensor:
    return torch.from_numpy(level.astype(np.int64)).to(device)
