"""Weights of layers as matrices, for cell-by-cell computation."""

from __future__ import annotations

from torch import Tensor, nn


def matrix_of(layer: nn.Linear | nn.Conv2d) -> Tensor:
    """The weight of a linear layer or of a 1x1 convolution as a matrix (inputs, outputs), contiguous."""
    return layer.weight.flatten(1).t().contiguous()


def bias_of(layer: nn.Conv2d) -> Tensor:
    """The bias (outputs,) of a convolution with bias."""
    assert layer.bias is not None
    return layer.bias
