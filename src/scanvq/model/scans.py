"""Whole scans: prepared for the network, and brought back to their own size and units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.imaging.formats import Scan
from scanvq.imaging.preparation import Preparation, Slice
from scanvq.model.coding import decode, encode
from scanvq.types import Codes, Tokenizer


def prepare_scan(scan: Scan, preparation: Preparation) -> Tensor:
    """Every slice of a scan as an image: (S, 1, H, W) in [0, 1]."""
    return torch.stack([preparation.apply(one) for one in slices_of(scan)])


def restore_scan(images: Tensor, scan: Scan, preparation: Preparation) -> Scan:
    """Images (S, 1, H, W) as a scan of the size, type, units and geometry of `scan`."""
    return replace(scan, slices=restore_slices(images, slices_of(scan), preparation))


def restore_slices(images: Tensor, slices: Sequence[Slice], preparation: Preparation) -> NDArray[Any]:
    """Images (S, 1, H, W) as pixels (S, H', W') of the size, type and units of the slices they come from."""
    return np.stack([preparation.undo(image, one).pixels for image, one in zip(images, slices, strict=True)])


def reconstruct_scan(
    tokenizer: Tokenizer, scan: Scan, preparation: Preparation, *, device: torch.device
) -> tuple[Scan, Tensor, Codes, Tensor]:
    """A scan through the tokenizer: the new scan, its prepared images, their codes, the decoded images."""
    images = prepare_scan(scan, preparation)
    codes = encode(tokenizer, images, device=device)
    decoded = decode(tokenizer, codes, device=device)
    return restore_scan(decoded, scan, preparation), images, codes, decoded


def slices_of(scan: Scan) -> list[Slice]:
    """The slices of a scan, each with the range of the whole."""
    low, high = float(scan.slices.min()), float(scan.slices.max())
    return [
        Slice(pixels=pixels, file_low=low, file_high=high, spacing=scan.spacing) for pixels in scan.slices
    ]
