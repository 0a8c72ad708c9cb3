"""Preparation: from a slice of a scan to the network's image and back, invertible and remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Spacing
from scanvq.imaging.geometry import Geometry
from scanvq.imaging.intensity import Intensity, unit_images
from scanvq.imaging.packing import Packing

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One slice in its scan's own units.

    Attributes:
        pixels: (H, W).
        file_low: the lowest value of its file.
        file_high: the highest.
        packing: how its file's values become levels; None where they are taken as they are.
        spacing: millimeters from row to row and column to column, where the file says.
    """

    pixels: NDArray[Any]
    file_low: float
    file_high: float
    packing: Packing | None = None
    spacing: Spacing | None = None


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What happens to every slice before the network sees it; stored in the weights file.

    `undo(apply(slice), slice)` is the slice again, in its own dtype: exactly for whole numbers of a file that
    spans at most 65,536 values, where nothing was resampled, cropped or clipped.
    """

    geometry: Geometry
    intensity: Intensity

    def apply(self, slice: Slice) -> Tensor:
        """A slice to an image (1, height, width), float32 in [0, 1]: the prepared store's, bit for bit."""
        import torch

        pixels = self.geometry.apply(slice.pixels, slice.spacing)
        packing = None if self.intensity.kind == "unit" else slice.packing
        slope, intercept = 1.0, 0.0
        if packing is not None:
            pixels, slope, intercept = packing.levels(pixels), packing.slope, packing.intercept
        scale, shift = self.intensity.scaling([slope], [intercept], [slice.file_low], [slice.file_high])
        levels = torch.from_numpy(pixels.astype(np.float32))[None]
        return unit_images(levels, torch.from_numpy(scale), torch.from_numpy(shift))

    def undo(self, image: Tensor | NDArray[Any], slice: Slice) -> Slice:
        """An image (1, height, width) or (height, width) back to the size, dtype and units of `slice`.

        Borders that the geometry cropped are filled with the slice's minimum.
        """
        unit = image if isinstance(image, np.ndarray) else image.detach().float().cpu().numpy()
        unit = unit.reshape(self.geometry.height, self.geometry.width)
        own = slice.pixels
        pixels = self.intensity.native(unit, own.dtype, slice.file_low, slice.file_high)
        pixels = self.geometry.undo(pixels, own.shape, own.min(), slice.spacing)
        return replace(slice, pixels=pixels)

    def to_dict(self) -> dict[str, Any]:
        return {"geometry": self.geometry.to_dict(), "intensity": self.intensity.to_dict()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Preparation:
        return cls(
            geometry=Geometry.from_dict(stored["geometry"]),
            intensity=Intensity.from_dict(stored["intensity"]),
        )
