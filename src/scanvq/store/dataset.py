"""Batches of slices: integers travel to the device and become intensities there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.intensity import Intensity, unit_images
from scanvq.store.store import Store

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SIGN_BIT = np.uint16(0x8000)


class SliceDataset:
    """Some rows of a store as images.

    Args:
        store: the prepared slices.
        rows: which of them, for example `store.rows("train")`.
        intensity: how native units become [0, 1].
        label_numbers: class name to class number. A slice without a label, or with one that is not there,
            has the number after the last: "any class".
    """

    def __init__(
        self,
        store: Store,
        rows: NDArray[np.integer[Any]],
        intensity: Intensity,
        label_numbers: Mapping[str, int],
    ) -> None:
        self.store = store
        self.rows = np.asarray(rows, np.int64)
        self._scale, self._shift = intensity.scaling(
            store.slope[self.rows],
            store.intercept[self.rows],
            store.file_low[self.rows],
            store.file_high[self.rows],
        )
        any_class = len(label_numbers)
        numbers = [
            any_class if entry.label is None else label_numbers.get(entry.label, any_class)
            for entry in store.catalog.entries
        ]
        self.labels = np.array(numbers, np.int64)[store.entry[self.rows]]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(
        self, indices: NDArray[np.integer[Any]], device: torch.device | str = "cpu"
    ) -> tuple[Tensor, Tensor]:
        """Images (B, 1, H, W) float32 in [0, 1] and labels (B,) int64, on `device`.

        `indices` count within this dataset, from 0.
        """
        import torch

        device = torch.device(device)
        pinned = device.type == "cuda"  # so that the copy does not wait for the device

        def move(values: NDArray[Any]) -> Tensor:
            tensor = torch.from_numpy(values)
            return (tensor.pin_memory() if pinned else tensor).to(device, non_blocking=pinned)

        raw = self.store.gather(self.rows[indices])
        if raw.dtype == np.uint16:
            # Not every device knows unsigned 16 bits: they travel as signed ones, less 2^15.
            raw ^= SIGN_BIT
            images = move(raw.view(np.int16)).to(torch.float32).add_(int(SIGN_BIT))
        else:
            images = move(raw).to(torch.float32)
        images = unit_images(images, move(self._scale[indices]), move(self._shift[indices]))
        return images[:, None], move(self.labels[indices])
