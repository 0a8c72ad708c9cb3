"""Batches of slices: integer levels are copied to the device and scaled to [0, 1] there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.intensity import Intensity, unit_images
from scanvq.store.slice_conditions import SliceConditions
from scanvq.store.store import Store

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from scanvq.conditions.condition import Condition

SIGN_BIT = np.uint16(0x8000)


class SliceDataset:
    """Rows of a store as images with conditions.

    Args:
        store: the prepared slices.
        rows: indices of rows, for example `store.rows("train")`.
        intensity: scaling of native units to [0, 1].
        conditions: conditions of all slices of the store.

    Attributes:
        conditions: name -> values of the rows of this data set, (n,) each.
    """

    def __init__(
        self,
        store: Store,
        rows: NDArray[np.integer[Any]],
        intensity: Intensity,
        conditions: SliceConditions | None = None,
    ) -> None:
        self.store = store
        self.rows = np.asarray(rows, np.int64)
        self._scale, self._shift = intensity.scaling(
            store.slope[self.rows],
            store.intercept[self.rows],
            store.file_low[self.rows],
            store.file_high[self.rows],
        )
        self.conditions = {} if conditions is None else conditions.of(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def batch(
        self, indices: NDArray[np.integer[Any]], device: torch.device | str = "cpu"
    ) -> tuple[Tensor, Condition]:
        """Images (B, 1, H, W) float32 in [0, 1] and their conditions, on `device`.

        Args:
            indices: indices in this data set, from 0.
            device: target device.
        """
        import torch

        from scanvq.conditions.condition import Condition

        device = torch.device(device)
        pinned = device.type == "cuda"  # asynchronous copies

        def move(values: NDArray[Any]) -> Tensor:
            tensor = torch.from_numpy(values)
            return (tensor.pin_memory() if pinned else tensor).to(device, non_blocking=pinned)

        raw = self.store.gather(self.rows[indices])
        if raw.dtype == np.uint16:
            # Not every device supports uint16: levels are copied as int16, minus 2^15.
            raw ^= SIGN_BIT
            images = move(raw.view(np.int16)).to(torch.float32).add_(int(SIGN_BIT))
        else:
            images = move(raw).to(torch.float32)
        images = unit_images(images, move(self._scale[indices]), move(self._shift[indices]))
        known = {name: move(values[indices]) for name, values in self.conditions.items()}
        return images[:, None], Condition.of(known)
