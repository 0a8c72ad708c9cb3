"""The blur by matrices, with its own gradient, equals the sum of shifted images."""

from __future__ import annotations

import pytest
import torch

from scanvq.kernels.gaussian_blur import gaussian_blur, reference_gaussian_blur


@pytest.mark.parametrize("size", [(11, 11), (11, 42), (43, 75), (130, 42)])
def test_equals_the_reference_with_its_gradient(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 3, *size)
    slope = torch.randn(2, 3, size[0] - 10, size[1] - 10)
    results = []
    for blur in (gaussian_blur, reference_gaussian_blur):
        given = images.clone().requires_grad_()
        blurred = blur(given)
        blurred.backward(slope)
        results.append([blurred, given.grad])
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)


def test_the_gradient_has_a_gradient() -> None:
    images = torch.rand(1, 1, 12, 13, requires_grad=True)
    results = []
    for blur in (gaussian_blur, reference_gaussian_blur):
        (slope,) = torch.autograd.grad(blur(images).square().sum(), images, create_graph=True)
        results.append(torch.autograd.grad(slope.square().sum(), images))
    torch.testing.assert_close(*results)


def test_a_constant_image_keeps_its_value() -> None:
    torch.testing.assert_close(gaussian_blur(torch.full((1, 20, 30), 0.3)), torch.full((1, 10, 20), 0.3))
