"""Every way of doubling doubles."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from scanvq.nn.doubling import make_doubling


@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("kind", ["transposed", "shuffle", "nearest"])
def test_doubles(kind: Literal["transposed", "shuffle", "nearest"], kernel: int) -> None:
    layer = make_doubling(kind, 6, 5, kernel=kernel)
    for height, width in [(1, 1), (3, 4), (8, 5)]:
        assert layer(torch.randn(2, 6, height, width)).shape == (2, 5, 2 * height, 2 * width)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_transposed_equals_pytorch_with_its_gradients(kernel: int, bias: bool) -> None:
    torch.manual_seed(0)
    ours = make_doubling("transposed", 6, 5, kernel=kernel, bias=bias).double()
    padding = (kernel - 1) // 2
    theirs = torch.nn.ConvTranspose2d(
        6, 5, kernel, stride=2, padding=padding, output_padding=2 + 2 * padding - kernel, bias=bias
    ).double()
    theirs.load_state_dict(ours.state_dict())
    features = torch.randn(2, 6, 4, 3, dtype=torch.float64)
    found = []
    for layer in (ours, theirs):
        given = features.clone().requires_grad_()
        doubled = layer(given)
        doubled.square().sum().backward()
        found.append([doubled, given.grad, *(one.grad for one in layer.parameters())])
    assert len(found[0]) == len(found[1])
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(own, other)
