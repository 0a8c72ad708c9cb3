"""Every way of doubling doubles."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from scanvq.nn.upsample import make_doubling


@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("kind", ["transposed", "shuffle", "nearest"])
def test_doubles(kind: Literal["transposed", "shuffle", "nearest"], kernel: int) -> None:
    layer = make_doubling(kind, 6, 5, kernel=kernel)
    for height, width in [(1, 1), (3, 4), (8, 5)]:
        assert layer(torch.randn(2, 6, height, width)).shape == (2, 5, 2 * height, 2 * width)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("outputs", [1, 3, 5])  # few, few and many
def test_transposed_equals_pytorch_with_its_gradients(outputs: int, kernel: int, bias: bool) -> None:
    torch.manual_seed(0)
    ours = make_doubling("transposed", 6, outputs, kernel=kernel, bias=bias).double()
    padding = (kernel - 1) // 2
    theirs = torch.nn.ConvTranspose2d(
        6, outputs, kernel, stride=2, padding=padding, output_padding=2 + 2 * padding - kernel, bias=bias
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


@pytest.mark.parametrize("outputs", [1, 5])
def test_transposed_follows_autocast_as_pytorch_does(outputs: int) -> None:
    torch.manual_seed(0)
    ours = make_doubling("transposed", 6, outputs, kernel=4)
    theirs = torch.nn.ConvTranspose2d(6, outputs, 4, stride=2, padding=1)
    theirs.load_state_dict(ours.state_dict())
    found = []
    for layer in (ours, theirs):
        given = torch.ones(2, 6, 4, 3, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16):
            doubled = layer(given)
        doubled.float().sum().backward()
        found.append([doubled, given.grad, layer.weight.grad])
    for own, other in zip(*found, strict=True):
        assert own.dtype == other.dtype
        torch.testing.assert_close(own, other, rtol=2**-6, atol=2**-6)
