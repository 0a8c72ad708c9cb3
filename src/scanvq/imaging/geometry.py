"""Image geometry: pads, crops or resizes slices to the network's image size, and inverts this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from scanvq.imaging.formats import Spacing
from scanvq.spec import Derived

Fit = Literal["pad", "resize"]
Array = NDArray[Any]

NO_SPACING = (
    "has no pixel spacing, so it cannot be resampled to {spacing:g} mm (PNG, JPEG and NumPy files have none)"
)


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Maps slices of any size to one height and width.

    Args:
        height: height of the network's images in pixels.
        width: width of the network's images in pixels.
        fit: "pad" centers the slice and pads (with its minimum) or crops it, without resampling;
            "resize" first scales it, keeping its proportions, to the largest size that fits.
        spacing: millimeters per pixel that slices are resampled to first; None does not resample.
    """

    height: int
    width: int
    fit: Fit = "pad"
    spacing: float | None = None

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"height and width are {self.height} and {self.width}; they must be 1 or more")
        if self.fit not in ("pad", "resize"):
            raise ValueError(f"fit is {self.fit!r}; it must be pad or resize")

    def apply(self, pixels: Array, pixel_spacing: Spacing | None = None) -> Array:
        """Pixels (H, W) with `pixel_spacing` in millimeters to (height, width), same dtype."""
        scaled = _resample(pixels, self._scaled(pixels.shape, pixel_spacing))
        return _center_pad_or_crop(scaled, (self.height, self.width), pixels.min())

    def undo(
        self, pixels: Array, shape: tuple[int, ...], fill: float, pixel_spacing: Spacing | None = None
    ) -> Array:
        """Pixels (height, width) back to (H, W): exact for "pad" without resampling.

        Borders that were cropped hold `fill`.
        """
        scaled = _center_pad_or_crop(pixels, self._scaled(shape, pixel_spacing), fill)
        return _resample(scaled, (shape[0], shape[1]))

    def resamples(self, shape: tuple[int, int], pixel_spacing: Spacing | None) -> bool:
        """Whether a slice of `shape` is resampled, so that `undo` does not restore its pixels exactly."""
        return self._scaled(shape, pixel_spacing) != shape

    def without_padding(self, shape: tuple[int, int], pixel_spacing: Spacing | None) -> tuple[int, int]:
        """The size within (height, width) that a slice of `shape` takes, without its padding."""
        height, width = self._scaled(shape, pixel_spacing)
        return min(height, self.height), min(width, self.width)

    def crop(self, pixels: Array, shape: tuple[int, int]) -> Array:
        """The center of pixels (height, width) of size `shape`, see `without_padding`."""
        return _center_pad_or_crop(pixels, shape, pixels.min())

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Geometry:
        """The inverse of `to_dict`. Raises ValueError for fields of another type."""
        return TypeAdapter(cls).validate_python(stored)

    def _scaled(self, shape: tuple[int, ...], pixel_spacing: Spacing | None) -> tuple[int, int]:
        """The size a slice of `shape` has between resampling and padding."""
        height, width = shape
        if self.spacing is not None:
            height, width = resampled_size((height, width), pixel_spacing, self.spacing)
        if self.fit == "pad":
            return height, width
        scale = min(self.height / height, self.width / width)
        return max(1, round(height * scale)), max(1, round(width * scale))


def resampled_size(shape: tuple[int, int], pixel_spacing: Spacing | None, spacing: float) -> tuple[int, int]:
    """The size (H, W) of a slice after resampling from `pixel_spacing` to `spacing` millimeters a pixel.

    Raises:
        ValueError: a slice without pixel spacing.
    """
    if pixel_spacing is None:
        raise ValueError(NO_SPACING.format(spacing=spacing))
    return max(1, round(shape[0] * pixel_spacing[0] / spacing)), max(
        1, round(shape[1] * pixel_spacing[1] / spacing)
    )


def decide_geometry(
    sizes: Mapping[tuple[int, int], int],
    *,
    size: Literal["native"] | tuple[int, int] = "native",
    fit: Fit = "pad",
    spacing: float | None = None,
    multiple: Derived[int],
) -> Geometry:
    """Chooses the network's image size from the sizes of the slices.

    1. A given `size` is used unchanged, with `fit`.
    2. Otherwise the most common size, rounded up to `multiple`, with `fit`: others are padded or cropped.
    3. If fewer than half the slices share a size, padding would crop or frame most of them: then the median
       height and width, rounded up to `multiple`, with "resize".

    Args:
        sizes: (height, width) -> number of slices of that size, after resampling to `spacing` if given.
        size: "native", or a height and width in pixels.
        fit: "pad" or "resize", see `Geometry`.
        spacing: see `Geometry`.
        multiple: divisor of the network's height and width.

    Raises:
        ValueError: no slices, or a given size that is not divisible by `multiple`.
    """
    if size != "native":
        rounded = tuple(_round_up(side, multiple) for side in size)
        if rounded != tuple(size):
            raise ValueError(
                f"size is {size[0]}x{size[1]}; this network needs both divisible by {multiple}: "
                f"try {rounded[0]}x{rounded[1]}"
            )
        return Geometry(height=size[0], width=size[1], fit=fit, spacing=spacing)
    if not sizes:
        raise ValueError("no slices, so no image size can be chosen: give size, for example 256x256")
    # of equally common sizes the largest: it crops nothing
    height, width = max(sizes, key=lambda shape: (sizes[shape], shape))
    if sizes[height, width] * 2 < sum(sizes.values()):
        fit = "resize"
        height, width = _median(sizes, axis=0), _median(sizes, axis=1)
    return Geometry(
        height=_round_up(height, multiple), width=_round_up(width, multiple), fit=fit, spacing=spacing
    )


def _median(sizes: Mapping[tuple[int, int], int], *, axis: int) -> int:
    """The median height (axis 0) or width (axis 1) over all slices."""
    shapes = sorted(sizes, key=lambda shape: shape[axis])
    cumulative = np.cumsum([sizes[shape] for shape in shapes])
    return shapes[int(np.searchsorted(cumulative * 2, cumulative[-1]))][axis]


def _round_up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple


def _center_pad_or_crop(pixels: Array, shape: tuple[int, int], fill: Any) -> Array:
    """Pads with `fill` or crops about the center. Inverts itself where nothing was cropped."""
    if pixels.shape == shape:
        return pixels
    result = np.full(shape, fill, pixels.dtype)
    source, destination = [], []
    for size, target in zip(pixels.shape, shape, strict=True):
        length = min(size, target)
        source.append(slice((size - length) // 2, (size - length) // 2 + length))
        destination.append(slice((target - length) // 2, (target - length) // 2 + length))
    result[tuple(destination)] = pixels[tuple(source)]
    return result


def _resample(pixels: Array, shape: tuple[int, int]) -> Array:
    """Bicubic resampling, antialiased when it shrinks, clipped to the range of the slice."""
    if pixels.shape == shape:
        return pixels
    from PIL import Image

    low, high = pixels.min(), pixels.max()
    picture = Image.fromarray(pixels.astype(np.float32))
    result = np.asarray(picture.resize(shape[::-1], Image.Resampling.BICUBIC), np.float64)
    if np.issubdtype(pixels.dtype, np.integer):
        result = np.rint(result)
    return np.clip(result, low, high).astype(pixels.dtype)
