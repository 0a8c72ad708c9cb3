"""What a prior is told about each cell beforehand: where it is, and what the coarser level says there."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpatialCondition(nn.Module):
    """A map added to every gate: learned positions, a coarser level's codes, or both.

    ```
    row + column embeddings ── ELU ───────────────────────────────────┐
    coarser codes ── embed ── 3x3 ── ELU ── nearest ── 3x3 ── ELU ──── + ──▶ (B, dim, h, w)
    ```

    Args:
        dim: channels of the map.
        grid: (h, w) of the positions to learn; None = no positions.
        coarser_size: codebook size of the coarser level; 0 = none.
    """

    def __init__(self, *, dim: int, grid: tuple[int, int] | None, coarser_size: int) -> None:
        super().__init__()
        self.grid = grid
        self.coarser_size = coarser_size
        if grid is not None:
            self.rows = nn.Parameter(torch.randn(dim, grid[0], 1) * 0.1)
            self.columns = nn.Parameter(torch.randn(dim, 1, grid[1]) * 0.1)
        if coarser_size:
            self.embedding = nn.Embedding(coarser_size, dim)
            self.coarse = nn.Conv2d(dim, dim, 3, padding=1)
            self.fine = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, height: int, width: int, coarser: Tensor | None) -> Tensor:
        """The map (B, dim, h, w), or (1, dim, h, w) where it is the same for every sample.

        Raises:
            ValueError: the grid is not the one of the positions, or the coarser codes are missing.
        """
        parts = []
        if self.grid is not None:
            if (height, width) != self.grid:
                raise ValueError(
                    f"the codes are {height}x{width}; this prior learned positions for {self.grid[0]}x"
                    f"{self.grid[1]}. Prepare the images to that size, or train a prior with positions off."
                )
            parts.append(F.elu(self.rows + self.columns)[None])
        if self.coarser_size:
            if coarser is None:
                raise ValueError(
                    "this prior continues a coarser level: give that level's codes as `coarser`."
                )
            features = self.embedding(coarser).permute(0, 3, 1, 2)  # (B, dim, h', w')
            features = F.interpolate(F.elu(self.coarse(features)), size=(height, width))  # (B, dim, h, w)
            parts.append(F.elu(self.fine(features)))
        return sum(parts[1:], start=parts[0])
