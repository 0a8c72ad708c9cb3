"""Scans and arrays: prepared for the network, and brought back to their own size and units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.imaging.formats import Scan
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.packing import Packing
from scanvq.imaging.preparation import Preparation, Slice

Array = NDArray[Any] | Tensor


def prepare_scan(scan: Scan, preparation: Preparation) -> Tensor:
    """Every slice of a scan as an image: (S, 1, H, W) in [0, 1]."""
    return torch.stack([preparation.apply(one) for one in slices_of(scan)])


def restore_scan(images: Tensor, scan: Scan, preparation: Preparation) -> Scan:
    """Images (S, 1, H, W) as a scan of the size, type, units and geometry of `scan`."""
    return replace(scan, slices=restore_slices(images, slices_of(scan), preparation))


def restore_slices(images: Tensor, slices: Sequence[Slice], preparation: Preparation) -> NDArray[Any]:
    """Images (S, 1, H, W) as pixels (S, H', W') of the size, type and units of the slices they come from."""
    return np.stack([preparation.undo(image, one).pixels for image, one in zip(images, slices, strict=True)])


def slices_of(scan: Scan) -> list[Slice]:
    """The slices of a scan, each with the range and the packing of the whole."""
    low, high = float(scan.slices.min()), float(scan.slices.max())
    packing = Packing.of(scan.slices, low, high)
    return [
        Slice(pixels=pixels, file_low=low, file_high=high, packing=packing, spacing=scan.spacing)
        for pixels in scan.slices
    ]


@dataclass(frozen=True, kw_only=True)
class Images:
    """Scans or arrays as one kind of input: a scan, and how it is prepared.

    Attributes:
        scan: what was given, or a scan made of an array.
        preparation: the model's; for floating-point arrays, which are in [0, 1] already, without a scaling.
        original: what was given.
    """

    scan: Scan
    preparation: Preparation
    original: Array | Scan

    @classmethod
    def of(cls, original: Array | Scan, preparation: Preparation) -> Images:
        """Takes a scan, or an array (H, W), (n, H, W) or (n, 1, H, W).

        Integers are in the scan's own units, floating-point numbers in [0, 1]. An array counts as having the
        pixel size of `preparation`, where it has one.

        Raises:
            ValueError: an array of another shape.
        """
        if isinstance(original, Scan):
            return cls(scan=original, preparation=preparation, original=original)
        pixels = original.detach().cpu().numpy() if isinstance(original, Tensor) else np.asarray(original)
        if pixels.ndim == 4 and pixels.shape[1] == 1:
            pixels = pixels[:, 0]
        if pixels.ndim not in (2, 3):
            raise ValueError(f"images have the shape {pixels.shape}; give (H, W), (n, H, W) or (n, 1, H, W)")
        pixels = pixels.reshape(-1, *pixels.shape[-2:])
        spacing = preparation.geometry.spacing
        scan = Scan(slices=pixels, spacing=None if spacing is None else (spacing, spacing))
        if pixels.dtype.kind == "f":
            unit = Intensity(kind="unit")
            preparation = Preparation(geometry=preparation.geometry, intensity=unit)
        return cls(scan=scan, preparation=preparation, original=original)

    def prepared(self) -> Tensor:
        """(n, 1, H, W) in [0, 1]."""
        return prepare_scan(self.scan, self.preparation)

    def restored(self, images: Tensor) -> Scan:
        """Decoded images (n, 1, H, W) as a scan of the size, type and units that came."""
        return restore_scan(images, self.scan, self.preparation)

    def like(self, values: Any) -> Any:
        """Numbers as torch or NumPy, whichever was given; NumPy for a scan."""
        return like(values, self.original) if not isinstance(self.original, Scan) else np.asarray(values)


def like(values: Any, original: Array) -> Array:
    """Numbers as torch or NumPy, whichever the original is."""
    if isinstance(original, Tensor):
        return torch.as_tensor(values)
    return values.numpy() if isinstance(values, Tensor) else values
