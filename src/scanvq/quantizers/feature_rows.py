"""Conversion of feature grids to rows and back, and gradient estimators of quantization."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Gradient = Literal["straight_through", "rotation"]

_TINY = 1e-6


def check_sizes(codebook_size: int, code_dim: int) -> None:
    """Raises ValueError for a codebook size or a code dimension below 1."""
    for name, value in {"codebook_size": codebook_size, "code_dim": code_dim}.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be 1 or more")


def rows_of(features: Tensor, dim: int) -> Tensor:
    """Features (B, D, h, w) as rows (B * h * w, D) of the same dtype.

    Raises:
        ValueError: features that are not a grid of D channels.
    """
    if features.ndim != 4 or features.shape[1] != dim:
        raise ValueError(
            f"features have shape {tuple(features.shape)}; this quantizer takes (B, {dim}, h, w). "
            f"Set code_dim to the number of output channels of the encoder."
        )
    return features.permute(0, 2, 3, 1).reshape(-1, dim)


def grid_of(rows: Tensor, features: Tensor) -> Tensor:
    """Rows (B * h * w, D) as a grid with the shape and dtype of `features` (B, D, h, w)."""
    batch, dim, height, width = features.shape
    return rows.view(batch, height, width, dim).permute(0, 3, 1, 2).to(features.dtype)


def look_up(codebook: Tensor, codes: Tensor) -> Tensor:
    """The codebook's vectors (K, D) at codes (B, h, w): (B, D, h, w)."""
    return F.embedding(codes, codebook).permute(0, 3, 1, 2)


def rotated(features: Tensor, vectors: Tensor) -> Tensor:
    """Vectors with the gradient of the rotation trick (arXiv 2410.06424, section 4).

    The map from a feature e to a vector q is written as a rotation and a scaling, q = (|q| / |e|) R e, which
    are constants in the backward pass. The angle between gradient and vector is kept, so the gradient of
    a feature depends on its direction; the straight-through gradient is the same for all features of a code.

    Args:
        features: (B, D, h, w).
        vectors: of the same shape, without a gradient.
    """
    with torch.no_grad():  # R is I - 2 r r^T + 2 q e^T, of unit vectors q, e and r along q + e
        source, target = (F.normalize(grid.float(), eps=_TINY) for grid in (features, vectors))
        middle = F.normalize(source + target, eps=_TINY)
        scale = vectors.float().norm(dim=1, keepdim=True)
        scale = scale / features.float().norm(dim=1, keepdim=True).clamp_min(_TINY)
    given = features.float()
    turned = scale * (
        given
        - 2 * middle * (middle * given).sum(1, keepdim=True)
        + 2 * target * (source * given).sum(1, keepdim=True)
    )
    return vectors + (turned - turned.detach()).to(vectors.dtype)  # the values of `vectors`, unrounded
