"""Feature grids as rows and back, without a copy for channels-last grids."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def check_sizes(codebook_size: int, code_dim: int) -> None:
    """Raises ValueError for a codebook without codes or a code without numbers."""
    for name, value in {"codebook_size": codebook_size, "code_dim": code_dim}.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be 1 or more")


def rows_of(features: Tensor, dim: int) -> Tensor:
    """Features (B, D, h, w) as fp32 rows (B * h * w, D).

    Raises:
        ValueError: features that are not a grid of D channels.
    """
    if features.ndim != 4 or features.shape[1] != dim:
        raise ValueError(
            f"features have shape {tuple(features.shape)}; this quantizer takes (B, {dim}, h, w). "
            f"Give code_dim the number of channels the encoder ends with."
        )
    return features.permute(0, 2, 3, 1).reshape(-1, dim).float()


def grid_of(rows: Tensor, features: Tensor) -> Tensor:
    """Rows (B * h * w, D) as a grid with the shape and dtype of `features` (B, D, h, w)."""
    batch, dim, height, width = features.shape
    return rows.view(batch, height, width, dim).permute(0, 3, 1, 2).to(features.dtype)


def look_up(codebook: Tensor, codes: Tensor) -> Tensor:
    """The codebook's vectors (K, D) at codes (B, h, w): (B, D, h, w)."""
    return F.embedding(codes, codebook).permute(0, 3, 1, 2)


def mean_square(rows: Tensor, vectors: Tensor) -> Tensor:
    """The mean of (rows - vectors)^2; 0 for an empty batch."""
    return F.mse_loss(rows, vectors, reduction="sum") / max(rows.numel(), 1)


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, features: Tensor, vectors: Tensor) -> Tensor:
        return vectors.view_as(vectors)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def straight_through(features: Tensor, vectors: Tensor) -> Tensor:
    """Vectors, exactly, whose gradient goes to the features (arXiv 1711.00937, section 3.2)."""
    passed: Tensor = _StraightThrough.apply(features, vectors)
    return passed
