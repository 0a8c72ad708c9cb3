"""Summed table rows equal the masked convolution over one-hot codes."""

from __future__ import annotations

import pytest
import torch

from scanvq.kernels.code_convolution import convolve_codes, reference_convolve_codes

SIZE, OUTPUTS = 5, 4


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 6, 7), (3, 2, 9)])
@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_equals_the_reference_with_its_gradient(
    kernel: int, shape: tuple[int, int, int], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    codes = torch.randint(SIZE, shape)
    taps = kernel // 2 * (kernel + 1)
    tables = torch.randn(taps, SIZE + 1, OUTPUTS).to(dtype)
    tables[:, -1] = 0  # outside the grid
    slope = torch.randn(shape[0], OUTPUTS, *shape[1:]).to(dtype)
    results = []
    for convolve in (convolve_codes, reference_convolve_codes):
        given = tables.clone().requires_grad_()
        convolved = convolve(codes, given, kernel=kernel)
        convolved.backward(slope)
        assert given.grad is not None
        results.append([convolved, given.grad[:, :-1]])
    tolerance = {"rtol": 0.03, "atol": 0.2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(*results, **tolerance)


def test_no_codes_give_nothing() -> None:
    tables = torch.zeros(4, SIZE + 1, OUTPUTS)
    codes = torch.zeros(0, 3, 3, dtype=torch.int64)
    assert convolve_codes(codes, tables, kernel=3).shape == (0, OUTPUTS, 3, 3)
