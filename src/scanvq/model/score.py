"""Exact negative log2 likelihood of codes under a prior."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scanvq.conditions.condition import Condition
from scanvq.imaging.geometry import Geometry
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.types import Codes, Progress

BATCH = 4  # images of a batch, as in a dry run, so that the memory measured there holds for a run


@dataclass(frozen=True, kw_only=True)
class CodeLength:
    """Code length of images in bits, under a prior.

    Attributes:
        bits: -log2 p(codes) of every image, (n,) float64.
        cells: number of codes of an image, over all levels.
        pixels: number of pixels of the network's image.
    """

    bits: Tensor
    cells: int
    pixels: int

    @classmethod
    def of(cls, bits: Tensor, codes: Codes, geometry: Geometry) -> CodeLength:
        """Of codes (n, h, w) for each level, of images of this geometry."""
        cells = sum(level.shape[1] * level.shape[2] for level in codes)
        return cls(bits=bits, cells=cells, pixels=geometry.height * geometry.width)

    @property
    def bits_per_code(self) -> Tensor:
        """Bits per code of every image, (n,) float64."""
        return self.bits / self.cells

    @property
    def bits_per_pixel(self) -> Tensor:
        """Bits per pixel of the network's image, (n,) float64."""
        return self.bits / self.pixels


@torch.inference_mode()
def bits_of(
    prior: HierarchicalPrior,
    codes: Codes,
    *,
    condition: Condition | None,
    device: torch.device,
    progress: Progress | None = None,
) -> Tensor:
    """-log2 p(codes) of every image under the prior, (n,) float64.

    Args:
        prior: with a likelihood, in evaluation mode, on `device`.
        codes: (n, h, w) for each level.
        condition: of every image, (n,) each; None = all absent.
        device: of the prior.
        progress: called with images done and all.
    """
    count = len(codes[0])
    bits = []
    for start in range(0, count, BATCH):
        part = tuple(level[start : start + BATCH].long().to(device) for level in codes)
        given = None if condition is None else condition[start : start + BATCH].to(device)
        bits.append(prior.bits(part, condition=given).cpu())
        if progress is not None:
            progress(start + len(part[0]), count)
    return torch.cat(bits)
