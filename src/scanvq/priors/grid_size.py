"""Check of the grid size, for priors with learned positions."""

from __future__ import annotations

from torch import Tensor


def check_grid(codes: Tensor, shape: tuple[int, int]) -> None:
    """Raises ValueError if codes (B, h, w) do not have the grid size that the prior was trained for."""
    if codes.shape[1:] != shape:
        raise ValueError(
            f"the codes are {codes.shape[1]}x{codes.shape[2]}; this prior was trained for "
            f"{shape[0]}x{shape[1]}; prepare the images to the size of training"
        )
