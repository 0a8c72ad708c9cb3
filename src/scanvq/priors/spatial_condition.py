"""Spatial condition of a prior: learned positions and the codes of coarser levels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scanvq.types import Codes


class ContextMap(nn.Module):
    """The codes of a coarser level as a map of the finer grid's size.

    ```
    codes ── embed ── 3x3 ── ELU ── nearest ── 3x3 ── ELU ──▶ (B, dim, h, w)
    ```

    Args:
        size: codebook size of that level.
        dim: channels of the map.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, dim)
        self.coarse = nn.Conv2d(dim, dim, 3, padding=1)
        self.fine = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, codes: Tensor, height: int, width: int) -> Tensor:
        """Codes (B, h', w') to the map (B, dim, height, width)."""
        features = self.embedding(codes).permute(0, 3, 1, 2)  # (B, dim, h', w')
        features = F.interpolate(F.elu(self.coarse(features)), size=(height, width))  # (B, dim, h, w)
        return F.elu(self.fine(features))


class SpatialCondition(nn.Module):
    """A map that is added to every gate: learned positions, the codes of all coarser levels, or both.

    ```
    row + column embeddings ── ELU ──┐
    coarser codes ── context map ─── + ──▶ (B, dim, h, w), a context map for each coarser level
    ```

    Args:
        dim: channels of the map.
        grid: (h, w) of the learned positions; None = no positions.
        context_sizes: codebook sizes of the coarser levels, coarse to fine.
    """

    def __init__(self, *, dim: int, grid: tuple[int, int] | None, context_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.grid = grid
        if grid is not None:
            self.rows = nn.Parameter(torch.randn(dim, grid[0], 1) * 0.1)
            self.columns = nn.Parameter(torch.randn(dim, 1, grid[1]) * 0.1)
        self.contexts = nn.ModuleList(ContextMap(size, dim) for size in context_sizes)

    def positions_from(self, other: SpatialCondition) -> dict[str, Tensor]:
        """The learned positions of another grid, resampled to this one, by name; {} if grids are equal."""
        if self.grid is None or other.grid is None or self.grid == other.grid:
            return {}
        return {
            name: F.interpolate(theirs.detach()[None], size=own.shape[1:], mode="bilinear")[0]
            for name, own, theirs in (
                ("rows", self.rows, other.rows),
                ("columns", self.columns, other.columns),
            )
        }

    def forward(self, height: int, width: int, context: Codes) -> Tensor:
        """The map (B, dim, h, w), or (1, dim, h, w) if it is the same for every sample.

        Args:
            height: h.
            width: w.
            context: the codes of every coarser level, each (B, h', w').

        Raises:
            ValueError: another grid than of the positions.
        """
        parts = []
        if self.grid is not None:
            if (height, width) != self.grid:
                raise ValueError(
                    f"the codes are {height}x{width}; this prior learned positions for {self.grid[0]}x"
                    f"{self.grid[1]}. Prepare the images to that size, or train a prior with positions off."
                )
            parts.append(F.elu(self.rows + self.columns)[None])
        parts += [level(codes, height, width) for level, codes in zip(self.contexts, context, strict=True)]
        return sum(parts[1:], start=parts[0])
