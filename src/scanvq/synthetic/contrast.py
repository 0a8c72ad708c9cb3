"""Image contrast of a synthetic scan: tissue intensities, bias field, resolution and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True)
class Acquisition:
    """Acquisition parameters, shared by all slices of a scan.

    Attributes:
        fluid, gray, white: intensities of the tissues, relative to the brightest white matter.
        texture: weight of the template's variation within a tissue.
        bias: coefficients of the bias field over (x, y, z).
        blur: standard deviation of the point spread function in pixels.
        noise: standard deviation of the noise in each of the two receiver channels (Rician noise).
    """

    fluid: float
    gray: float
    white: float
    texture: float
    bias: NDArray[np.float32]
    blur: float
    noise: float

    def image(
        self,
        tissue: Tissue,
        *,
        height: int,
        width: int,
        depth: float,
        generator: np.random.Generator,
    ) -> NDArray[np.float32]:
        """The image (H, W) in [0, 1]; `depth` is the slice position, from -1 (lowest) to 1 (highest)."""
        level = self.fluid + (self.gray - self.fluid) * (1 - tissue.fluid)
        level += (self.white - self.gray) * tissue.white
        level += self.texture * tissue.texture
        image = tissue.to_image(level * tissue.brain, height, width)
        image *= self._gain(height, width, depth)
        noise = generator.standard_normal((2, height, width), dtype=np.float32)
        noise *= self.noise
        image += noise[0]
        np.hypot(image, noise[1], out=image)
        image *= tissue.to_image(tissue.brain, height, width)
        for axis in (0, 1):
            image = ndimage.gaussian_filter1d(image, self.blur, axis=axis, truncate=3.0)
        return np.clip(image, 0.0, 1.0, out=image)

    def _gain(self, height: int, width: int, depth: float) -> NDArray[np.float32]:
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        b = self.bias
        along_y = (b[0] + b[3] * depth) * y + b[4] * y * y
        along_x = (b[1] + b[5] * depth) * x + b[6] * x * x
        gain: NDArray[np.float32] = np.exp(along_y + along_x + b[7] * x * y + b[2] * depth).astype(np.float32)
        return gain


@dataclass(frozen=True)
class Tissue:
    """Tissue fractions in [0, 1] of the brain pixels of a slice, (M,) each.

    Attributes:
        inside: flat indices of the brain pixels.
        brain: fraction of brain in the pixel.
        fluid: fraction of cerebrospinal fluid in the brain part of the pixel.
        white: fraction of white matter in the brain part; the rest is gray matter.
        texture: variation of the template within a tissue.
    """

    inside: NDArray[np.intp]
    brain: NDArray[np.float32]
    fluid: NDArray[np.float32]
    white: NDArray[np.float32]
    texture: NDArray[np.float32]

    def to_image(self, values: NDArray[Value], height: int, width: int) -> NDArray[Value]:
        """Values (M,) of the brain pixels as an image (H, W) with zero background."""
        flat = np.zeros(height * width, dtype=values.dtype)
        flat[self.inside] = values
        return flat.reshape(height, width)

    def segmentation(self, *, height: int, width: int) -> NDArray[np.uint8]:
        """0 background, 1 cerebrospinal fluid, 2 gray matter, 3 white matter; (H, W)."""
        classes = np.full(self.inside.shape, 2, dtype=np.uint8)
        classes[self.white > 0.5] = 3
        classes[self.fluid > 0.5] = 1
        classes[self.brain <= 0.5] = 0
        return self.to_image(classes, height, width)


def tissue_of(
    inside: NDArray[np.intp], channels: NDArray[np.float32], shifts: NDArray[np.float32], *, sulci: float
) -> Tissue:
    """Converts the smooth tissue scores of the template to tissue fractions with the folds of a subject.

    Args:
        inside: flat indices (M,) of the brain pixels.
        channels: white-over-gray score, fluid score, intensity and mask of the template (4, M).
        shifts: shifts of the white matter and fluid scores (2, M).
        sulci: global shift of the fluid score.
    """
    over, score, intensity, mask = channels
    white = _step(over - 147.5 + shifts[0], 12.0)
    fluid = _step(score - 128.0 + shifts[1] + sulci, 9.0)
    white *= 1 - fluid
    plateau = 70.0 + 97.0 * (1 - fluid) + 55.0 * white
    texture = np.clip((intensity - plateau) / 255.0, -0.2, 0.2)
    return Tissue(inside=inside, brain=_step(mask - 127.5, 20.0), fluid=fluid, white=white, texture=texture)


def draw_acquisition(generator: np.random.Generator) -> Acquisition:
    """Samples the acquisition parameters of a T1-weighted scan."""
    white = generator.uniform(0.78, 0.9)
    gray = white * generator.uniform(0.62, 0.74)
    return Acquisition(
        fluid=white * generator.uniform(0.12, 0.22),
        gray=gray,
        white=white,
        texture=generator.uniform(0.4, 0.8),
        bias=generator.normal(0.0, (0.07, 0.07, 0.03, 0.03, 0.08, 0.03, 0.08, 0.05)).astype(np.float32),
        blur=generator.uniform(0.45, 0.85),
        noise=generator.uniform(0.012, 0.045),
    )


def _step(score: NDArray[np.float32], softness: float) -> NDArray[np.float32]:
    """A smooth step from 0 to 1 at score 0."""
    rising: NDArray[np.float32] = 0.5 + 0.5 * np.tanh(score / (2 * softness))
    return rising
