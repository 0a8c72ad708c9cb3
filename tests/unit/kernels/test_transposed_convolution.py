"""The upsampling convolution equals PyTorch's transposed convolution, for any dtype and gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from scanvq.kernels.transposed_convolution import (
    FEW,
    reference_upsample_transposed,
    upsample_transposed,
)

INPUTS = 6
SIZES = [(1, 1), (4, 3), (5, 8)]


def padding_of(kernel: int) -> dict[str, int]:
    padding = (kernel - 1) // 2
    return {"padding": padding, "output_padding": 2 + 2 * padding - kernel}


def results(way: Any, features: Tensor, weight: Tensor, bias: Tensor | None) -> list[Tensor | None]:
    """The output, and the gradients of features, weight and bias."""
    given = [None if one is None else one.clone().requires_grad_() for one in (features, weight, bias)]
    upsampled = way(*given, **padding_of(weight.shape[2]))
    upsampled.float().square().sum().backward()
    return [upsampled.detach(), *(one.grad for one in given if one is not None)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("outputs", [1, FEW, FEW + 1])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_equals_the_reference_with_its_gradients(
    outputs: int, kernel: int, bias: bool, size: tuple[int, int], layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, INPUTS, *size, dtype=torch.float64).contiguous(memory_format=layout)
    weight = torch.randn(INPUTS, outputs, kernel, kernel, dtype=torch.float64)
    added = torch.randn(outputs, dtype=torch.float64) if bias else None
    own = results(upsample_transposed, features, weight, added)
    assert own[0] is not None
    assert own[0].shape == (2, outputs, 2 * size[0], 2 * size[1])
    torch.testing.assert_close(own, results(reference_upsample_transposed, features, weight, added))


@pytest.mark.parametrize("outputs", [1, FEW + 1])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_follows_autocast(outputs: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    given = torch.randn(2, INPUTS, 4, 3), torch.randn(INPUTS, outputs, 4, 4) / 10, torch.randn(outputs)
    with torch.autocast("cpu", dtype):
        own = results(upsample_transposed, *given)
        expected = results(reference_upsample_transposed, *given)
    for one, other in zip(own, expected, strict=True):
        assert one is not None
        assert other is not None
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0.03, atol=0.1)


@pytest.mark.parametrize("needed", [0, 1])
def test_only_the_wanted_gradient_is_computed(needed: int) -> None:
    given = [torch.randn(1, INPUTS, 2, 2), torch.randn(INPUTS, 1, 4, 4)]
    given[needed].requires_grad_()
    upsample_transposed(*given, None, **padding_of(4)).sum().backward()
    assert given[needed].grad is not None
    assert given[1 - needed].grad is None
