"""PixelCNN against a plain network of full kernels times a mask, and against its report's numbers."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.nn.raster_convolution import RasterConvolution
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.priors.pixelcnn_layer import LayerCondition

LABELS = ConditionSpace.of_labels(("AD", "NC"))

SIZE = 9


def masked(features: Tensor, convolution: RasterConvolution, kind: str) -> Tensor:
    """A 'same' convolution with a k x k kernel times mask A or B, as arXiv 1601.06759 and Keras write it."""
    size = convolution.kernel
    middle = size // 2
    outputs, inputs = convolution.above.shape[:2]
    kernel = torch.randn(outputs, inputs, size, size, dtype=features.dtype)  # what is masked must not matter
    kernel[:, :, :middle] = convolution.above
    kernel[:, :, middle, : convolution.beside.shape[-1]] = convolution.beside[:, :, 0]
    mask = torch.zeros(size, size, dtype=features.dtype)
    mask[:middle] = 1
    mask[middle, :middle] = 1
    if kind == "B":
        mask[middle, middle] = 1
    return F.conv2d(features, kernel * mask, convolution.bias, padding="same")


def plain_logits(prior: PixelCNN, codes: Tensor, label: Tensor) -> Tensor:
    """The network on the same weights, layer after layer."""
    dtype = prior.last.weight.dtype
    one_hot = F.one_hot(codes, prior.codebook_size).to(dtype)
    if prior.first.embedding is not None:
        one_hot = one_hot @ prior.first.embedding.weight
    x = masked(one_hot.permute(0, 3, 1, 2), prior.first.convolution, "A")
    x = x + bias_of(prior.first_condition, label)
    for block in prior.residual_blocks:
        y = F.conv2d(F.relu(x), block.before.weight, block.before.bias)
        y = masked(F.relu(y), block.masked, "B") + bias_of(block.condition, label)
        x = x + F.conv2d(F.relu(y), block.after.weight)
    for layer, condition in prior.head_layers:
        x = F.conv2d(F.relu(x), layer.weight, layer.bias) + bias_of(condition, label)
    return F.conv2d(F.relu(x), prior.last.weight, prior.last.bias)


def bias_of(condition: LayerCondition, label: Tensor) -> Tensor:
    assert condition.embedding is not None
    return condition.embedding.categories[0].weight[label][:, :, None, None]


@pytest.mark.parametrize("codes_in", ["one_hot", "embedded"])
@pytest.mark.parametrize("shape", [(2, 9, 7), (2, 5, 14)])
@pytest.mark.parametrize("kernel", [3, 7])
def test_logits_equal_those_of_masked_kernels(
    shape: tuple[int, int, int], kernel: int, codes_in: Literal["one_hot", "embedded"]
) -> None:
    torch.manual_seed(0)
    prior = PixelCNN(
        channels=16,
        hidden=10,
        kernel=kernel,
        blocks=3,
        codes_in=codes_in,
        embedding_dim=6,
        codebook_size=SIZE,
        conditions=LABELS,
    ).double()
    codes, label = torch.randint(SIZE, shape), torch.tensor([0, 1])
    logits = prior.logits(codes, condition=Condition(label=label))
    torch.testing.assert_close(logits, plain_logits(prior, codes, label), rtol=1e-9, atol=1e-9)


def test_report_002_network_has_its_size() -> None:
    """Its kernels hold a mask's zeros too, and the last convolution of a block has a bias."""
    prior = PixelCNN(codebook_size=64)
    zeros = 25 * 64 * 128 + 2 * 4 * 128 * 64  # of 49 taps mask A leaves 24, of 9 mask B leaves 5
    report = 49 * 64 * 128 + 128
    report += 2 * (128 * 128 + 128 + 9 * 128 * 64 + 64 + 64 * 128 + 128)
    report += 2 * (128 * 128 + 128) + 128 * 64 + 64
    assert sum(parameter.numel() for parameter in prior.parameters()) == report - zeros - 2 * 128
