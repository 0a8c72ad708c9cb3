"""Invertible preparation: a slice of a scan to the network's image, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from statistics import median_low
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scanvq.imaging.formats import Header, Spacing
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
class NativeFormat:
    """The most common slice format of a data set, which created images have.

    Attributes:
        height: rows, before any padding or resampling.
        width: columns.
        spacing: millimeters between rows and between columns; None for files without pixel spacing.
    """

    height: int
    width: int
    spacing: Spacing | None = None

    @classmethod
    def of(cls, headers: Iterable[Header]) -> NativeFormat | None:
        """The size of most slices with their median spacing; None where no size is that of half of them."""
        counts: Counter[tuple[int, int]] = Counter()
        spacings: dict[tuple[int, int], list[Spacing]] = {}
        for header in headers:
            size = header.height, header.width
            counts[size] += header.slices
            if header.spacing is not None:
                spacings.setdefault(size, []).append(header.spacing)
        size = max(counts, key=lambda found: (counts[found], found))
        if counts[size] * 2 < counts.total():
            return None
        found = spacings.get(size, [])
        spacing = (median_low(s[0] for s in found), median_low(s[1] for s in found)) if found else None
        return cls(height=size[0], width=size[1], spacing=spacing)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Geometry and intensity scaling of every slice; stored in the weights file.

    `undo(apply(slice), slice)` restores the slice in its dtype: exactly for integers of a file that spans at
    most 65,536 values, if nothing was resampled, cropped or clipped.

    Attributes:
        geometry: of the network's images.
        intensity: scaling to [0, 1].
        native: format of created images; None = that of the network's images.
    """

    geometry: Geometry
    intensity: Intensity
    native: NativeFormat | None = None

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

    def to_native(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Created images (n, height, width) without the padding of the data set's slices, (n, H, W).

        Their size is that of the slices, after resampling where they are resampled for the network.
        """
        if self.native is None:
            return images
        shape = self._created_size(self.native)
        restored = [self.geometry.crop(image, shape) for image in images]
        return np.stack(restored) if restored else np.zeros((0, *shape), np.float32)

    @property
    def native_spacing(self) -> Spacing | None:
        """Millimeters between rows and between columns of created images; None where not known."""
        if self.native is not None and self.native.spacing is not None and self.geometry.fit == "resize":
            shape, taken = (self.native.height, self.native.width), self._created_size(self.native)
            down, across = self.native.spacing
            return down * shape[0] / taken[0], across * shape[1] / taken[1]
        if self.native is not None and self.geometry.spacing is None:
            return self.native.spacing
        spacing = self.geometry.spacing
        return None if spacing is None else (spacing, spacing)

    def _created_size(self, native: NativeFormat) -> tuple[int, int]:
        return self.geometry.without_padding((native.height, native.width), native.spacing)

    def to_dict(self) -> dict[str, Any]:
        return {
            "geometry": self.geometry.to_dict(),
            "intensity": self.intensity.to_dict(),
            "native": None if self.native is None else asdict(self.native),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Preparation:
        return cls(
            geometry=Geometry.from_dict(stored["geometry"]),
            intensity=Intensity.from_dict(stored["intensity"]),
            native=_native(stored.get("native")),
        )


def _native(stored: Mapping[str, Any] | None) -> NativeFormat | None:
    if stored is None:
        return None
    spacing = stored["spacing"]
    return NativeFormat(
        height=stored["height"],
        width=stored["width"],
        spacing=None if spacing is None else (spacing[0], spacing[1]),
    )
