"""Validation of the codes that are passed to a prior."""

from __future__ import annotations

from torch import Tensor


def check_codes(codes: Tensor, *, batch: int, lowest: int, size: int) -> None:
    """Raises ValueError for codes that are not (batch, h, w), or not from `lowest` to `size` - 1."""
    if codes.ndim != 3 or len(codes) != batch:
        raise ValueError(
            f"codes have shape {tuple(codes.shape)}; they must be (B, h, w), with one B for all levels"
        )
    if codes.numel() and not lowest <= int(codes.min()) <= int(codes.max()) < size:
        raise ValueError(
            f"codes are {int(codes.min())} to {int(codes.max())}; this prior takes {lowest} to {size - 1}"
        )
