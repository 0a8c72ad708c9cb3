"""The rotation trick's gradient equals that of explicit rotation matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scanvq.quantizers.feature_rows import rotated

DIM = 6


def explicit(features: Tensor, vectors: Tensor) -> Tensor:
    """q = (|q| / |e|) R e (arXiv 2410.06424, equation 3), one D x D matrix for each cell, constant."""
    rows, targets = (one.permute(0, 2, 3, 1).reshape(-1, DIM) for one in (features, vectors))
    turned = []
    for feature, vector in zip(rows, targets, strict=True):
        with torch.no_grad():
            e, q = feature / feature.norm(), vector / vector.norm()
            r = (e + q) / (e + q).norm()
            rotation = torch.eye(DIM).to(e) - 2 * torch.outer(r, r) + 2 * torch.outer(q, e)
            scale = vector.norm() / feature.norm()
        turned.append(scale * rotation @ feature)
    batch, _, height, width = features.shape
    return torch.stack(turned).view(batch, height, width, DIM).permute(0, 3, 1, 2)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_equals_explicit_matrices(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    features, vectors, slope = (torch.randn(2, DIM, 3, 4).contiguous(memory_format=layout) for _ in range(3))
    gradients = []
    for turn in (rotated, explicit):
        given = features.clone().requires_grad_()
        out = turn(given, vectors)
        torch.testing.assert_close(out, vectors)
        out.backward(slope)
        gradients.append(given.grad)
    torch.testing.assert_close(*gradients)


def test_features_equal_to_their_vectors_get_the_straight_through_gradient() -> None:
    features = torch.randn(2, DIM, 3, 4).requires_grad_()
    slope = torch.randn(2, DIM, 3, 4)
    rotated(features, features.detach().clone()).backward(slope)
    torch.testing.assert_close(features.grad, slope)


def test_zeros_and_opposites_give_finite_gradients() -> None:
    features = torch.randn(1, DIM, 2, 2)
    features[..., 0, 0] = 0
    given = features.clone().requires_grad_()
    rotated(given, -features).sum().backward()
    assert given.grad is not None
    assert given.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_are_exactly_the_vectors(dtype: torch.dtype) -> None:
    features, vectors = (torch.randn(2, DIM, 5, 4).to(dtype) for _ in range(2))
    out = rotated(features.requires_grad_(), vectors)
    assert torch.equal(out, vectors)
    assert out.dtype == dtype
    out.float().sum().backward()
    assert features.grad is not None
    assert features.grad.dtype == dtype
