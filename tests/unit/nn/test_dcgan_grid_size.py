"""A grid as the middle of a small start, doubled."""

from __future__ import annotations

import pytest
import torch

from scanvq.nn.dcgan_grid_size import DCGANGridSize


@pytest.mark.parametrize(
    ("shape", "start", "doublings"),
    [
        ((64, 64), (4, 4), 4),
        ((16, 16), (4, 4), 2),
        ((20, 24), (5, 6), 2),
        ((48, 40), (6, 5), 3),
        ((23, 17), (6, 5), 2),
        ((64, 32), (8, 4), 3),
        ((3, 40), (2, 20), 1),
        ((1, 1), (1, 1), 1),
    ],
)
def test_start(shape: tuple[int, int], start: tuple[int, int], doublings: int) -> None:
    grid = DCGANGridSize(height=shape[0], width=shape[1])
    assert (grid.start, grid.doublings) == (start, doublings)


@pytest.mark.parametrize("shape", [(64, 64), (23, 17), (3, 40), (1, 1)])
def test_what_is_padded_is_cropped_back(shape: tuple[int, int]) -> None:
    grid = DCGANGridSize(height=shape[0], width=shape[1])
    features = torch.rand(2, 3, *shape)
    whole = grid.pad(features)
    assert whole.shape[2:] == tuple(side * 2**grid.doublings for side in grid.start)
    assert torch.equal(grid.crop(whole), features)
    torch.testing.assert_close(whole.sum(), features.sum())  # zeros around it


def test_no_cell() -> None:
    with pytest.raises(ValueError, match="0x4 has no cell"):
        DCGANGridSize(height=0, width=4)
