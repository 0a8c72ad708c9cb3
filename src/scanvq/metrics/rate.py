"""The size of a compressed image."""

from __future__ import annotations

import math
from collections.abc import Sequence


def bits_per_pixel(
    code_shapes: Sequence[tuple[int, int]], codebook_sizes: Sequence[int], height: int, width: int
) -> float:
    """Bits the codes of an image take for each of its pixels, every code at log2 K bits.

    Args:
        code_shapes: (h, w) of each level.
        codebook_sizes: K of each level.
        height: rows of the image.
        width: columns of the image.

    Raises:
        ValueError: a level without its codebook size, or an image without pixels.
    """
    if len(code_shapes) != len(codebook_sizes):
        raise ValueError(f"{len(code_shapes)} levels of codes, but {len(codebook_sizes)} codebook sizes")
    if height < 1 or width < 1:
        raise ValueError(f"an image of {height} x {width} has no pixels")
    bits = sum(h * w * math.log2(size) for (h, w), size in zip(code_shapes, codebook_sizes, strict=True))
    return bits / (height * width)
