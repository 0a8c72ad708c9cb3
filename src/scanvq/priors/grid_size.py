"""A prior that has learned positions is for grids of one size."""

from __future__ import annotations

from torch import Tensor


def check_grid(codes: Tensor, shape: tuple[int, int]) -> None:
    """Raises ValueError where codes (B, h, w) are not of the size that the prior was trained for."""
    if codes.shape[1:] != shape:
        raise ValueError(
            f"the codes are {codes.shape[1]}x{codes.shape[2]}; this prior was trained for "
            f"{shape[0]}x{shape[1]}. Prepare the images to that size."
        )
