"""Gated PixelCNN against a plain network of zero-masked full kernels, and against brute force."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.types import UNKNOWN, SamplingParams


def masked(features: Tensor, kernel: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """A 'same' convolution with a full kernel, most of it zero."""
    rows, columns = (dilation * (size // 2) for size in kernel.shape[2:])
    return F.conv2d(features, kernel, bias, padding=(rows, columns), dilation=dilation)


def plain_logits(prior: GatedPixelCNN, codes: Tensor) -> Tensor:
    """The network as report 004 writes it, on the same weights: 3x3 and 1x3 kernels times a mask."""
    one_hot = F.one_hot(codes, prior.codebook_size).to(prior.embedding.weight.dtype)
    x = (one_hot @ prior.embedding.weight).movedim(3, 1)

    stem = prior.vertical_stem.taps
    kernel = stem.weight.new_zeros(*stem.weight.shape[:2], 3, 3)
    kernel[:, :, :1] = stem.weight
    vertical = masked(x, kernel, stem.bias, 1)

    stem = prior.horizontal_stem.taps
    kernel = stem.weight.new_zeros(*stem.weight.shape[:2], 1, 3)
    kernel[..., :1] = stem.weight
    horizontal = masked(x, kernel, stem.bias, 1)

    for layer in prior.gated_layers:
        taps = layer.vertical.taps
        kernel = taps.weight.new_zeros(*taps.weight.shape[:2], 3, 3)
        kernel[:, :, :2] = taps.weight
        above = masked(vertical, kernel, taps.bias, layer.dilation)

        taps = layer.horizontal.taps
        kernel = taps.weight.new_zeros(*taps.weight.shape[:2], 1, 3)
        kernel[..., :2] = taps.weight
        beside = masked(horizontal, kernel, None, layer.dilation)
        beside = beside + F.conv2d(above, layer.across.weight, layer.across.bias)

        (a, b), (c, d) = above.chunk(2, dim=1), beside.chunk(2, dim=1)
        vertical = torch.tanh(a) * torch.sigmoid(b)
        horizontal = horizontal + F.conv2d(torch.tanh(c) * torch.sigmoid(d), layer.out.weight)
    return F.conv2d(F.elu(horizontal), prior.head.weight, prior.head.bias)


@pytest.mark.parametrize("shape", [(2, 9, 7), (1, 5, 14)])
def test_logits_equal_those_of_zero_masked_kernels(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    prior = GatedPixelCNN(channels=16, embedding_dim=8, codebook_size=12).double().eval()
    codes = torch.randint(12, shape)
    torch.testing.assert_close(prior.logits(codes), plain_logits(prior, codes), rtol=1e-9, atol=1e-9)


def test_report_004_network_has_its_size() -> None:
    """3.37 M with kernels that are a third zeros and codes as intensities; the same network without them."""
    prior = GatedPixelCNN(codebook_size=256)
    zeros = 7 * (3 * 128 * 256 + 1 * 128 * 256)  # a 3x3 kernel's lower row, a 1x3 kernel's right cell
    report = 7 * (9 * 128 * 256 + 256 + 3 * 128 * 256 + 256 + 256 * 256 + 256 + 128 * 128 + 128)
    report += 128 * 256 + 256 + 128 * 9 + 128 + 128 * 3 + 128
    own = sum(parameter.numel() for parameter in prior.parameters())
    embedding = prior.embedding.weight.numel() + (4 * 64 - 12) * 128  # codes embedded, not as intensities
    biases = 7 * (256 + 128)  # ours has one bias where two are added
    assert round(report / 1e6, 2) == 3.37
    assert own == report - zeros + embedding - biases


def test_bits_are_those_of_one_code_after_the_other() -> None:
    torch.manual_seed(1)
    prior = GatedPixelCNN(channels=8, embedding_dim=4, dilations=(1, 2), codebook_size=3).double().eval()
    codes = torch.randint(3, (2, 3, 3))
    expected = []
    for one in codes:
        bits, seen = (
            0.0,
            torch.zeros(1, 3, 3, dtype=torch.int64),
        )  # cells to come hold 0: they must not matter
        for row, column in itertools.product(range(3), range(3)):
            logits = plain_logits(prior, seen)[0, :, row, column].tolist()
            partition = sum(math.exp(value) for value in logits)
            bits -= math.log2(math.exp(logits[one[row, column]]) / partition)
            seen[0, row, column] = one[row, column]
        expected.append(bits)
    assert HierarchicalPrior(levels=[prior]).bits((codes,)).tolist() == pytest.approx(expected, rel=1e-6)


def test_samples_come_as_often_as_their_likelihood_says() -> None:
    torch.manual_seed(2)
    prior = GatedPixelCNN(channels=8, embedding_dim=4, dilations=(1,), codebook_size=2).eval()
    for parameter in prior.parameters():
        parameter.data *= 2
    count = 20_000
    samples = prior.sample(
        torch.full((count, 2, 2), UNKNOWN),
        params=SamplingParams(),
        generator=torch.Generator().manual_seed(0),
    )
    grids = torch.tensor(list(itertools.product(range(2), repeat=4))).view(-1, 2, 2)
    likelihoods = torch.exp2(-HierarchicalPrior(levels=[prior]).bits((grids,)))
    numbers = samples.flatten(1) @ torch.tensor([8, 4, 2, 1])
    shares = numbers.bincount(minlength=16) / count
    deviations = (shares - likelihoods) / (likelihoods * (1 - likelihoods) / count).sqrt()
    assert deviations.abs().max() < 4
