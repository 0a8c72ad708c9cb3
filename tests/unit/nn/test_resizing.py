"""A halving of an image is PyTorch's own convolution, computed another way."""

from __future__ import annotations

import pytest
import torch

from scanvq.nn.resizing import halvings


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("inputs", [1, 3])
def test_equals_pytorch_with_its_gradients(inputs: int, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    ours = halvings((inputs, 5), kernel=4, norm="none")[0].double().to(memory_format=layout)
    theirs = torch.nn.Conv2d(inputs, 5, 4, stride=2, padding=1).double()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, inputs, 8, 6, dtype=torch.float64).contiguous(memory_format=layout)
    found = []
    for layer in (ours, theirs):
        given = images.clone().requires_grad_()
        halved = layer(given)
        halved.square().sum().backward()
        found.append([halved, given.grad, *(one.grad for one in layer.parameters())])
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(own, other)
