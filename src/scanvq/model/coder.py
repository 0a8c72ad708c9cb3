"""Encoding and decoding with a tokenizer, the same for files, arrays and prepared data sets."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from scanvq.nn.precision import Precision
from scanvq.types import Codes, Tokenizer

BATCH = 4
"""Batch size of the encoder. It is fixed, because the rounding of convolutions depends on the batch size."""


class Coder:
    """Encodes in a fixed precision and batch size, so that equal images always have equal codes.

    Args:
        tokenizer: is moved to `device`, in evaluation mode and in the memory format of `precision`.
        precision: of encoding. Decoding is in fp32.
        device: of the computation.
    """

    def __init__(self, tokenizer: Tokenizer, *, precision: Precision, device: torch.device) -> None:
        self.tokenizer = tokenizer.to(device).eval()
        precision.apply_memory_format(self.tokenizer)
        self._precision, self.device = precision, device

    @torch.inference_mode()
    def encode_batch(self, images: Tensor) -> Codes:
        """At most `BATCH` images (n, 1, H, W) in [0, 1], n at least 1, to codes on `device`.

        A smaller batch is padded with its last image: PyTorch selects the algorithm of a convolution by the
        batch size, and different rounding changes the codes of near ties.
        """
        count = len(images)
        images = images.to(self.device)
        padded = torch.cat([images, images[-1:].expand(BATCH - count, -1, -1, -1)])
        with self._precision.context(self.device):
            return tuple(level[:count] for level in self.tokenizer.encode(padded))

    def encode(self, images: Tensor) -> Codes:
        """Images (n, 1, H, W) in [0, 1] to codes (n, h, w) a level, int64 on the CPU."""
        batches = [self.encode_batch(batch) for batch in images.split(BATCH)]
        levels = range(len(batches[0]))
        return tuple(torch.cat([codes[level].cpu() for codes in batches]).clone() for level in levels)

    @torch.no_grad()
    def decode(self, codes: Codes) -> Tensor:
        """Codes to images (n, 1, H, W) on the CPU, clamped to [0, 1].

        Raises:
            ValueError: codes outside the codebook, or a wrong number of levels.
        """
        self._check(codes)
        batches = zip(*(grid.split(BATCH) for grid in codes), strict=True)
        return torch.cat([self._images(self.tokenizer.decode(self._to_device(batch))) for batch in batches])

    @torch.no_grad()
    def vectors(self, codes: Codes) -> Tensor:
        """Codes of one batch to the vectors (n, D, h, w) that a decoder sees, on `device`.

        Raises:
            ValueError: codes outside the codebook, or a wrong number of levels.
        """
        self._check(codes)
        return self.tokenizer.vectors(self._to_device(codes))

    @torch.no_grad()
    def decode_coarsest(self, codes: Codes) -> Tensor | None:
        """Images (n, 1, H, W) decoded from the coarsest level alone; None for a single level."""
        images = self.tokenizer.decode_coarsest(self._to_device(codes[:1]))
        return None if images is None else self._images(images)

    def _to_device(self, codes: Codes) -> Codes:
        return tuple(grid.to(self.device) for grid in codes)

    @staticmethod
    def _images(decoded: Tensor) -> Tensor:
        return decoded.float().clamp(0, 1).cpu()

    def _check(self, codes: Codes) -> None:
        sizes = self.tokenizer.codebook_sizes
        if len(codes) != len(sizes):
            raise ValueError(f"codes have {len(codes)} levels; this tokenizer has {len(sizes)}")
        for level, (grid, size) in enumerate(zip(codes, sizes, strict=True)):
            if grid.numel() and not (int(grid.min()) >= 0 and int(grid.max()) < size):
                raise ValueError(
                    f"codes of level {level} run from {int(grid.min())} to {int(grid.max())}; "
                    f"this tokenizer's codebook has 0 to {size - 1}"
                )


def stored_type(codebook_size: int) -> DTypeLike:
    """The smallest unsigned integer that holds every code of a codebook."""
    return np.min_scalar_type(codebook_size - 1)
