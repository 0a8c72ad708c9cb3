"""Conversion between scans or arrays and the images of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.imaging.formats import Plane, Scan, UnreadableScan, check, format_of
from scanvq.imaging.geometry import NO_SPACING
from scanvq.imaging.intensity import Intensity
from scanvq.imaging.packing import Packing
from scanvq.imaging.preparation import Preparation, Slice

Array = NDArray[Any] | Tensor


def read_scan(path: Path, *, plane: Plane, spacing: float | None) -> Scan:
    """Reads a scan file, volumes as slices in `plane`.

    Args:
        path: of the scan.
        plane: of the slices.
        spacing: millimeters from pixel to pixel of the network's images; None = not fixed.

    Raises:
        UnreadableScan: a damaged file, or one without pixel spacing where `spacing` is fixed.
    """
    scan = format_of(path).read(path, plane=plane)
    reason = check(scan)
    if reason is not None and not reason.startswith("constant"):
        raise UnreadableScan(path, reason)
    if spacing is not None and scan.spacing is None:
        raise UnreadableScan(path, NO_SPACING.format(spacing=spacing))
    return scan


def prepare_scan(scan: Scan, preparation: Preparation) -> Tensor:
    """Every slice of a scan as an image: (S, 1, H, W) in [0, 1]."""
    return torch.stack([preparation.apply(scan_slice) for scan_slice in slices_of(scan)])


def restore_scan(images: Tensor, scan: Scan, preparation: Preparation) -> Scan:
    """Images (S, 1, H, W) as a scan of the size, type, units and geometry of `scan`."""
    return replace(scan, slices=restore_slices(images, slices_of(scan), preparation))


def restore_slices(images: Tensor, slices: Sequence[Slice], preparation: Preparation) -> NDArray[Any]:
    """Images (S, 1, H, W) as pixels (S, H', W') of the size, type and units of the original slices."""
    pairs = zip(images, slices, strict=True)
    return np.stack([preparation.undo(image, scan_slice).pixels for image, scan_slice in pairs])


def slices_of(scan: Scan) -> list[Slice]:
    """The slices of a scan, each with the intensity range and the packing of the whole scan."""
    low, high = float(scan.slices.min()), float(scan.slices.max())
    packing = Packing.of(scan.slices, low, high)
    return [
        Slice(pixels=pixels, file_low=low, file_high=high, packing=packing, spacing=scan.spacing)
        for pixels in scan.slices
    ]


@dataclass(frozen=True, kw_only=True)
class Images:
    """Input images: a scan, or an array converted to a scan, with the preparation to apply.

    Attributes:
        scan: the input scan, or the input array as a scan.
        preparation: of the model; without intensity scaling for floating-point arrays, which are in [0, 1].
        original: the input.
    """

    scan: Scan
    preparation: Preparation
    original: Array | Scan

    @classmethod
    def of(cls, original: Array | Scan, preparation: Preparation) -> Images:
        """Converts a scan, or an array (H, W), (n, H, W) or (n, 1, H, W).

        Integers are in the units of the scan, floating-point numbers in [0, 1]. An array is taken to have
        the pixel size of `preparation`, if it has a fixed one.

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
        """The images of the network, (n, 1, H, W) in [0, 1]."""
        return prepare_scan(self.scan, self.preparation)

    def restored(self, images: Tensor) -> Scan:
        """Decoded images (n, 1, H, W) as a scan of the size, type and units of the input."""
        return restore_scan(images, self.scan, self.preparation)

    def like(self, values: Any) -> Any:
        """Values as a PyTorch tensor if the input is a tensor, else as a NumPy array."""
        return like(values, self.original) if not isinstance(self.original, Scan) else np.asarray(values)


def like(values: Any, original: Array) -> Array:
    """Values as a PyTorch tensor or a NumPy array, as `original` is."""
    if isinstance(original, Tensor):
        return torch.as_tensor(values)
    return values.numpy() if isinstance(values, Tensor) else values
