"""Images through a tokenizer and codes back, a batch at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from scanvq.types import Codes, Tokenizer

BATCH = 32


@torch.no_grad()
def encode(tokenizer: Tokenizer, images: Tensor, *, device: torch.device) -> Codes:
    """Images (n, 1, H, W) in [0, 1] to codes on the CPU, coarse to fine."""
    batches = [tokenizer.encode(batch.to(device)) for batch in images.split(BATCH)]
    return tuple(torch.cat([codes[level].cpu() for codes in batches]) for level in range(len(batches[0])))


@torch.no_grad()
def decode(tokenizer: Tokenizer, codes: Codes, *, device: torch.device) -> Tensor:
    """Codes to images (n, 1, H, W) on the CPU, clamped to [0, 1].

    Raises:
        ValueError: codes that the codebook does not have.
    """
    for level, (grid, size) in enumerate(zip(codes, tokenizer.codebook_sizes, strict=True)):
        if grid.numel() and not (int(grid.min()) >= 0 and int(grid.max()) < size):
            raise ValueError(
                f"codes of level {level} run from {int(grid.min())} to {int(grid.max())}; "
                f"this tokenizer's codebook has 0 to {size - 1}"
            )
    levels = [grid.split(BATCH) for grid in codes]
    images = [
        tokenizer.decode(tuple(grid.to(device) for grid in batch)).float().clamp(0, 1).cpu()
        for batch in zip(*levels, strict=True)
    ]
    return torch.cat(images)
