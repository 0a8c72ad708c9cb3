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
from scanvq.model.array_checks import check_scan, checked_images

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


def prepare_scan(scan: Scan, preparation: Preparation, *, only: Sequence[int] | None = None) -> Tensor:
    """The slices of a scan as images, (n, 1, H, W) in [0, 1]: all, or `only` some of them."""
    slices = slices_of(scan)
    return torch.stack([preparation.apply(slices[number]) for number in _numbers(scan, only)])


def restore_scan(
    images: Tensor, scan: Scan, preparation: Preparation, *, only: Sequence[int] | None = None
) -> Scan:
    """Images (n, 1, H, W) of `prepare_scan` as a scan of the size, type, units and geometry of `scan`.

    Slices that are not among `only` are those of `scan`.
    """
    originals, numbers = slices_of(scan), _numbers(scan, only)
    slices = scan.slices.copy()
    slices[numbers] = restore_slices(images, [originals[number] for number in numbers], preparation)
    return replace(scan, slices=slices)


def _numbers(scan: Scan, only: Sequence[int] | None) -> list[int]:
    return list(range(len(scan.slices)) if only is None else only)


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
        is_batch: whether every slice is a scan of its own, with its own intensity range.
    """

    scan: Scan
    preparation: Preparation
    original: Array | Scan
    is_batch: bool = False

    @classmethod
    def of(cls, original: Array | Scan, preparation: Preparation) -> Images:
        """Converts a scan, or an array (H, W), (n, H, W) or (n, 1, H, W).

        (n, H, W) are slices of one scan, which share its intensity range; (n, 1, H, W) are n separate scans.
        Integers are in the units of the scan, floating-point numbers in [0, 1]. An array is taken to have
        the pixel size of `preparation`, if it has a fixed one.

        Raises:
            ValueError: see `checked_images` and `check_scan`.
        """
        if isinstance(original, Scan):
            check_scan(original)
            return cls(scan=original, preparation=preparation, original=original)
        pixels = checked_images(original)
        is_batch = pixels.ndim == 4
        pixels = pixels.reshape(-1, *pixels.shape[-2:])
        spacing = preparation.geometry.spacing
        scan = Scan(slices=pixels, spacing=None if spacing is None else (spacing, spacing))
        if pixels.dtype.kind == "f":
            unit = Intensity(kind="unit")
            preparation = Preparation(geometry=preparation.geometry, intensity=unit)
        return cls(scan=scan, preparation=preparation, original=original, is_batch=is_batch)

    def prepared(self) -> Tensor:
        """The images of the network, (n, 1, H, W) in [0, 1]."""
        return torch.stack([self.preparation.apply(part) for part in self._slices()])

    def restored(self, images: Tensor) -> Scan:
        """Decoded images (n, 1, H, W) as a scan of the size, type and units of the input."""
        return replace(self.scan, slices=restore_slices(images, self._slices(), self.preparation))

    def _slices(self) -> list[Slice]:
        if not self.is_batch:
            return slices_of(self.scan)
        return [slices_of(replace(self.scan, slices=pixels[None]))[0] for pixels in self.scan.slices]

    def like(self, values: Any) -> Any:
        """Values as a PyTorch tensor if the input is a tensor, else as a NumPy array."""
        return like(values, self.original) if not isinstance(self.original, Scan) else np.asarray(values)


def like(values: Any, original: Array) -> Array:
    """Values as a PyTorch tensor or a NumPy array, as `original` is."""
    if isinstance(original, Tensor):
        return torch.as_tensor(values)
    return values.numpy() if isinstance(values, Tensor) else values
