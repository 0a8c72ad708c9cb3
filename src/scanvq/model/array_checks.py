"""Checks of what Python callers pass to a model: images, masks, codes, counts and seeds."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.imaging.formats import Scan
from scanvq.imaging.formats.pixels import channel_axis
from scanvq.types import Codes

UNIT_TOLERANCE = 1e-3
"""Rounding that floating-point images may exceed [0, 1] by."""
LARGEST_SEED = 2**32 - 1
"""PyTorch's CPU generator uses 32 bits of a seed."""


def as_numpy(values: Any) -> NDArray[Any]:
    """Any array as a NumPy array; bfloat16, which NumPy does not have, becomes float32."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return np.asarray(values)


def checked_images(images: Any) -> NDArray[Any]:
    """Images as an array (H, W), (n, H, W) or (n, 1, H, W): integers, or real numbers in [0, 1].

    A last axis of 1, as in (H, W, 1) and (n, H, W, 1), is a single channel and is dropped.

    Raises:
        ValueError: another shape or type, NaN or infinity, or real numbers outside [0, 1].
    """
    pixels = as_numpy(images)
    _check_numbers("images", pixels)
    pixels = _without_channel(pixels)
    if pixels.ndim not in (2, 3) and not (pixels.ndim == 4 and pixels.shape[1] == 1):
        raise ValueError(f"images have the shape {pixels.shape}; give (H, W), (n, H, W) or (n, 1, H, W)")
    if pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        if low < -UNIT_TOLERANCE or high > 1 + UNIT_TOLERANCE:
            raise ValueError(
                f"images run from {low:g} to {high:g}; floating-point images must be in [0, 1]. Divide them "
                "by their range, or give integers, which are in the units of the scan (such as uint8)"
            )
    return pixels


def check_scan(scan: Scan) -> None:
    """Raises ValueError for a scan that is not (S, H, W) of real, finite numbers."""
    if np.ndim(scan.slices) != 3:
        raise ValueError(f"the slices of the scan have the shape {np.shape(scan.slices)}; give (S, H, W)")
    _check_numbers("the slices of the scan", scan.slices)


def checked_mask(mask: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask (H, W) or (S, H, W) of true and false: bool, or numbers that are 0 and one other value (1, 255).

    Args:
        mask: the mask.
        shape: (S, H, W) of the scan.

    Raises:
        ValueError: another shape or type, or other values.
    """
    values = as_numpy(mask)
    if values.shape not in (tuple(shape), tuple(shape[1:])):
        sizes = (values.shape, shape[1:] if values.ndim <= 2 else shape)
        given, scan = ("x".join(map(str, size)) if values.ndim in (2, 3) else str(size) for size in sizes)
        raise ValueError(f"the mask is {given}, the scan {scan}; they must have the same size")
    if values.dtype.kind == "b":
        return values
    _check_numbers("the mask", values)
    levels = np.unique(values)
    allowed = (1,) if values.dtype.kind == "f" else (1, 255)
    if not set(levels.tolist()) <= {0, *allowed} or len(levels) > 2:
        shown = ", ".join(f"{level:g}" for level in levels[:4].tolist()) + ", ..." * (len(levels) > 4)
        raise ValueError(
            f"the mask holds {shown}; give True and False (or 0 and 1, or "
            "0 and 255 as integers), such as mask > 0.5"
        )
    return np.asarray(values != 0)


def checked_codes(codes: Sequence[Any], shapes: Sequence[tuple[int, int]]) -> Codes:
    """Codes as int64 tensors (n, h, w), one for each level.

    Args:
        codes: an array for each level.
        shapes: (h, w) of every level.

    Raises:
        ValueError: another number of levels, another shape, or codes that are no whole numbers.
    """
    if isinstance(codes, np.ndarray | Tensor) or len(codes) != len(shapes):
        given = f"an array {tuple(codes.shape)}" if isinstance(codes, np.ndarray | Tensor) else None
        raise ValueError(
            f"codes have {given or f'{len(codes)} levels'}; this tokenizer has {len(shapes)}: give a tuple "
            "of one array (n, h, w) for each level, as `encode` returns"
        )
    levels = []
    for number, (level, (height, width)) in enumerate(zip(codes, shapes, strict=True)):
        values = as_numpy(level)
        name = f"codes of level {number}"
        if values.ndim != 3 or values.shape[1:] != (height, width):
            raise ValueError(f"{name} have the shape {values.shape}; give (n, {height}, {width})")
        _check_numbers(name, values)
        if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
            raise ValueError(f"{name} are not whole numbers; codes are integers, as `encode` returns")
        levels.append(torch.from_numpy(values.astype(np.int64)))
    if len({len(level) for level in levels}) > 1:
        counts = ", ".join(str(len(level)) for level in levels)
        raise ValueError(f"the levels of codes are of {counts} images; they must be of the same images")
    return tuple(levels)


def check_draws(count: int, seed: int, *, seeds: int = 1) -> None:
    """Checks a number of samples, and a seed of which the following ones are used too.

    Args:
        count: number of samples.
        seed: the first seed.
        seeds: number of seeds.

    Raises:
        ValueError: fewer than 1 sample, or a seed outside 0 to 2^32 - 1, of which PyTorch would use a part.
    """
    for name, value in (("count", count), ("seed", seed)):
        try:
            operator.index(value)
        except TypeError:
            raise ValueError(f"{name} is {value!r}; it must be a whole number") from None
    if count < 1:
        raise ValueError(f"count is {count}; it must be 1 or more")
    last = LARGEST_SEED - seeds + 1
    if not 0 <= seed <= last:
        raise ValueError(f"seed is {seed}; it must be 0 to {last}")


def _check_numbers(name: str, values: NDArray[Any]) -> None:
    """Raises ValueError for arrays that are empty, not of integers or real numbers, or not finite."""
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name} are of {values.dtype}; give integers or real numbers")
    if values.size == 0:
        raise ValueError(f"{name} have the shape {values.shape}, which holds nothing")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = values.size - int(np.isfinite(values).sum())
        raise ValueError(f"{bad:,} of {values.size:,} numbers in {name} are NaN or infinite")


def _without_channel(pixels: NDArray[Any]) -> NDArray[Any]:
    """Pixels without a last axis of a single channel. Raises ValueError for several channels."""
    axis = channel_axis(pixels.shape) if pixels.ndim in (3, 4) else None
    if axis is None:
        return pixels
    if pixels.shape[axis] == 1:
        return pixels[..., 0]
    count, shape = pixels.shape[axis], "x".join(map(str, pixels.shape))
    images = "an image" if pixels.ndim == 3 else f"{pixels.shape[0]} images"
    slices = "x".join(map(str, pixels.shape[-2:]))
    raise ValueError(
        f"images have the shape {pixels.shape}: {shape} may be {images} of {count} channels (give one of "
        f"them, such as images[..., 0]), or {pixels.shape[-3]} slices of {slices} (move the axes)"
    )
