"""Whole scans: prepared for the network, and brought back to their own size and units."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanvq.data.formats import Scan
from scanvq.data.preparation import Preparation, Slice
from scanvq.generation.batches import decode, encode
from scanvq.types import Codes, Tokenizer


def prepare_scan(scan: Scan, preparation: Preparation) -> Tensor:
    """Every slice of a scan as an image: (S, 1, H, W) in [0, 1]."""
    return torch.stack([preparation.apply(one) for one in _slices(scan)])


def restore_scan(images: Tensor, scan: Scan, preparation: Preparation) -> Scan:
    """Images (S, 1, H, W) as a scan of the size, type, units and geometry of `scan`."""
    slices = [
        preparation.undo(image, one).pixels for image, one in zip(images, _slices(scan), strict=True)
    ]
    return Scan(slices=np.stack(slices), properties=scan.properties)


def reconstruct_scan(
    tokenizer: Tokenizer, scan: Scan, preparation: Preparation, *, device: torch.device
) -> tuple[Scan, Tensor, Codes, Tensor]:
    """A scan through the tokenizer: the new scan, its prepared images, their codes, the decoded images."""
    images = prepare_scan(scan, preparation)
    codes = encode(tokenizer, images, device=device)
    decoded = decode(tokenizer, codes, device=device)
    return restore_scan(decoded, scan, preparation), images, codes, decoded


def _slices(scan: Scan) -> list[Slice]:
    low, high = _range(scan.slices)
    return [Slice(pixels=pixels, file_low=low, file_high=high) for pixels in scan.slices]


def _range(pixels: NDArray[np.generic]) -> tuple[float, float]:
    return float(pixels.min()), float(pixels.max())
