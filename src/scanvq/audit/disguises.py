"""Changes that leave a copy a copy: what the audit must see through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Images = NDArray[np.float32]
Disguise = Callable[[Images, np.random.Generator], Images]
SHIFT = 4  # pixels
GAMMA = (0.8, 1.25)
NOISE = 0.02


def exact(images: Images, random: np.random.Generator) -> Images:
    """The images themselves."""
    return images


def mirrored(images: Images, random: np.random.Generator) -> Images:
    """Left and right exchanged."""
    return np.ascontiguousarray(images[..., ::-1])


def shifted(images: Images, random: np.random.Generator, *, largest: float = SHIFT) -> Images:
    """Each moved by up to `largest` pixels along rows and columns; empty where nothing moves in."""
    moves = random.uniform(-largest, largest, (len(images), 2))
    if largest == round(largest):
        moves = moves.round()
    return np.stack([ndimage.shift(one, move, order=1) for one, move in zip(images, moves, strict=True)])


def regraded(images: Images, random: np.random.Generator) -> Images:
    """Gray values raised to a power from .8 to 1.25."""
    low, high = np.log(GAMMA)
    powers = np.exp(random.uniform(low, high, (len(images), 1, 1)))
    return (np.clip(images, 0, 1) ** powers).astype(np.float32)


def noisy(images: Images, random: np.random.Generator) -> Images:
    """Gaussian noise of 2 % of the range."""
    return np.clip(images + random.normal(0, NOISE, images.shape), 0, 1).astype(np.float32)


def smoothed(images: Images, random: np.random.Generator) -> Images:
    """Each blurred by up to 1 % of its longer side, as a tokenizer may."""
    largest = 0.01 * max(images.shape[1:])
    return np.stack([ndimage.gaussian_filter(one, random.uniform(0, largest)) for one in images])


DISGUISES: dict[str, Disguise] = {
    "exact": exact,
    "mirrored": mirrored,
    "shifted": shifted,
    "gray values": regraded,
    "noise": noisy,
}
"""By name. Through the tokenizer and back is one more, which needs a model."""


def nuisance(images: Images, random: np.random.Generator) -> Images:
    """All small changes at once, of an image that is aligned to a pixel or so."""
    for change in (regraded, smoothed, noisy):
        images = change(images, random)
    return shifted(images, random, largest=1.5)
