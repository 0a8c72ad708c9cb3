"""Which pixels of a scan are the subject and which are the empty air around it."""

from __future__ import annotations

import torch
from torch import Tensor

SHARE = 0.05
PERCENTILE = 0.995


def foreground(images: Tensor) -> Tensor:
    """Marks the pixels of the subject.

    A pixel is foreground if it is brighter than 5 % of the image's bright end (its 99.5th percentile,
    measured from its minimum), or if it has such pixels on all four sides, in its row and in its
    column: so dark ventricles count, and the air around the head does not.

    Args:
        images: (B, C, H, W), any intensity scale.

    Returns:
        (B, C, H, W) bool; all False for a constant image.
    """
    flat = images.detach().float().flatten(2)
    rank = max(1, round(PERCENTILE * flat.shape[-1]))
    low = flat.amin(dim=2)[..., None, None]
    high = flat.kthvalue(rank, dim=2).values[..., None, None]
    bright = images.detach().float() > low + SHARE * (high - low)
    enclosed = torch.ones_like(bright)
    for axis in (-2, -1):
        enclosed &= _seen_so_far(bright, axis) & _seen_so_far(bright.flip(axis), axis).flip(axis)
    return bright | enclosed


def _seen_so_far(bright: Tensor, axis: int) -> Tensor:
    """True from the first True along an axis on."""
    return bright.to(torch.uint8).cummax(dim=axis).values.bool()
