"""Grid sizes of DCGAN: start size, number of upsamplings, padding and cropping."""

from __future__ import annotations

import pytest
import torch

from scanvq.nn.dcgan_grid_size import DCGANGridSize


@pytest.mark.parametrize(
    ("shape", "start", "upsamplings"),
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
def test_start(shape: tuple[int, int], start: tuple[int, int], upsamplings: int) -> None:
    grid = DCGANGridSize(height=shape[0], width=shape[1])
    assert (grid.start, grid.upsamplings) == (start, upsamplings)


@pytest.mark.parametrize("shape", [(64, 64), (23, 17), (3, 40), (1, 1)])
def test_crop_inverts_pad(shape: tuple[int, int]) -> None:
    grid = DCGANGridSize(height=shape[0], width=shape[1])
    features = torch.rand(2, 3, *shape)
    whole = grid.pad(features)
    assert whole.shape[2:] == tuple(side * 2**grid.upsamplings for side in grid.start)
    assert torch.equal(grid.crop(whole), features)
    torch.testing.assert_close(whole.sum(), features.sum())  # zeros around it


def test_an_empty_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="grid is 0x4; each side must be 1 or more"):
        DCGANGridSize(height=0, width=4)
