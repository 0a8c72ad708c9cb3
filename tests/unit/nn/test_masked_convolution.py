from __future__ import annotations

import pytest
import torch

from scanvq.nn.masked_convolution import HorizontalConvolution, VerticalConvolution


def seen(convolution: torch.nn.Module, row: int, column: int) -> set[tuple[int, int]]:
    """Offsets (rows, columns) of the inputs that reach the output at a cell."""
    features = torch.zeros(1, 2, 11, 11, requires_grad=True)
    convolution(features)[0, :, row, column].sum().backward()
    assert features.grad is not None
    cells = features.grad.abs().sum(dim=(0, 1)).nonzero().tolist()
    return {(r - row, c - column) for r, c in cells}


@pytest.mark.parametrize("d", [1, 2, 4])
def test_vertical_sees_its_row_and_the_one_above(d: int) -> None:
    columns = (-d, 0, d)
    above = {(-d, c) for c in columns}
    assert seen(VerticalConvolution(2, 3, dilation=d), 5, 5) == above | {(0, c) for c in columns}
    assert seen(VerticalConvolution(2, 3, dilation=d, own_row=False), 5, 5) == above
    assert seen(VerticalConvolution(2, 3, dilation=d, own_row=False), 0, 5) == set()


@pytest.mark.parametrize("d", [1, 2, 4])
def test_horizontal_sees_itself_and_the_left(d: int) -> None:
    assert seen(HorizontalConvolution(2, 3, dilation=d), 5, 5) == {(0, -d), (0, 0)}
    assert seen(HorizontalConvolution(2, 3, dilation=d, own_cell=False), 5, 5) == {(0, -d)}
    assert seen(HorizontalConvolution(2, 3, dilation=d, own_cell=False), 5, 0) == set()


def test_shapes_stay_on_grids_smaller_than_the_dilation() -> None:
    for shape in ((1, 2, 1, 1), (2, 2, 3, 1), (2, 2, 1, 3)):
        features = torch.randn(shape)
        for own in (True, False):
            assert VerticalConvolution(2, 5, dilation=4, own_row=own)(features).shape[2:] == shape[2:]
            assert HorizontalConvolution(2, 5, dilation=4, own_cell=own)(features).shape[2:] == shape[2:]
