"""Invertible preparation: a slice of a scan to the network's image, and back."""

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
    """One slice in native units.

    Attributes:
        pixels: (H, W).
        file_low: lowest value of the file.
        file_high: highest value of the file.
        packing: packing of the file's values into levels; None = values are not packed.
        spacing: millimeters between rows and between columns; None if the file has no pixel spacing.
    """

    pixels: NDArray[Any]
    file_low: float
    file_high: float
    packing: Packing | None = None
    spacing: Spacing | None = None


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Geometry and intensity scaling of every slice; stored in the weights file.

    `undo(apply(slice), slice)` restores the slice in its dtype: exactly for integers of a file that spans at
    most 65,536 values, if nothing was resampled, cropped or clipped.
    """

    geometry: Geometry
    intensity: Intensity

    def apply(self, slice: Slice) -> Tensor:
        """A slice to an image (1, height, width), float32 in [0, 1]; bit-identical to the prepared store."""
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

        Cropped borders are filled with the minimum of the slice.
        """
        unit = image if isinstance(image, np.ndarray) else image.detach().float().cpu().numpy()
        unit = unit.reshape(self.geometry.height, self.geometry.width)
        original = slice.pixels
        pixels = self.intensity.native(unit, original.dtype, slice.file_low, slice.file_high)
        pixels = self.geometry.undo(pixels, original.shape, original.min(), slice.spacing)
        return replace(slice, pixels=pixels)

    def to_dict(self) -> dict[str, Any]:
        return {"geometry": self.geometry.to_dict(), "intensity": self.intensity.to_dict()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Preparation:
        return cls(
            geometry=Geometry.from_dict(stored["geometry"]),
            intensity=Intensity.from_dict(stored["intensity"]),
        )
