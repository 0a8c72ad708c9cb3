"""Tokenizers on a GPU train and encode as on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch

from scanvq.nn.precision import Precision
from scanvq.objectives.reconstruct import Reconstruct
from scanvq.quantizers import MovingAverageQuantizer, NearestQuantizer
from scanvq.tokenizers import VQVAE
from scanvq.tokenizers.vqvae2 import VQVAE2
from scanvq.types import Batch, Tokenizer

pytestmark = pytest.mark.gpu

CPU = torch.device("cpu")
SIZE, DIM, HEIGHT, WIDTH = 64, 16, 64, 48


def vqvae() -> Tokenizer:
    quantizer = NearestQuantizer(codebook_size=SIZE, code_dim=DIM)
    return VQVAE(quantizer=quantizer, channels=(16, 32), residual_channels=16)


def vqvae_moving_average() -> Tokenizer:
    quantizer = MovingAverageQuantizer(codebook_size=SIZE, code_dim=DIM)
    return VQVAE(quantizer=quantizer, channels=(16, 32), norm="batch", residual_channels=16)


def vqvae2() -> Tokenizer:
    quantizers = [NearestQuantizer(codebook_size=SIZE, code_dim=DIM) for _ in range(2)]
    return VQVAE2(quantizers=quantizers, channels=(16, 32), residual_channels=16)


MAKERS = [vqvae, vqvae_moving_average, vqvae2]
each = pytest.mark.parametrize("make", MAKERS)


def images(count: int = 8) -> torch.Tensor:
    """Bright ellipses of several widths (count, 1, H, W) with a little noise."""
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, HEIGHT), torch.linspace(-1, 1, WIDTH), indexing="ij")
    generator = torch.Generator().manual_seed(0)
    widths = torch.rand(count, 1, 1, 1, generator=generator) + 0.2
    noise = 0.02 * torch.rand(count, 1, HEIGHT, WIDTH, generator=generator)
    return (torch.exp(-(rows**2 + columns**2) / widths) + noise).clamp(0, 1)


def trained(make: Callable[[], Tokenizer], device: torch.device, steps: int = 30) -> Tokenizer:
    torch.manual_seed(0)
    objective = Reconstruct(tokenizer=make(), variance=0.1, mse_over_variance=1.0).to(device)
    optimizer = torch.optim.Adam(objective.parameters(), lr=2e-3)
    batch = Batch(images=images().to(device))
    for step in range(steps):
        optimizer.zero_grad()
        objective(batch, "tokenizer", step).total.backward()
        optimizer.step()
    return objective.tokenizer


@each
@pytest.mark.usefixtures("_exact_convolutions")
def test_a_training_step_is_that_of_a_cpu(make: Callable[[], Tokenizer], device: torch.device) -> None:
    start = trained(make, CPU, steps=3)
    losses, gradients = [], []
    for where in (CPU, device):
        objective = Reconstruct(tokenizer=deepcopy(start), variance=0.1, mse_over_variance=1.0).to(where)
        total = objective(Batch(images=images().to(where)), "tokenizer", 3).total
        total.backward()
        losses.append(total.item())
        parameters = [one.grad for one in objective.parameters() if one.grad is not None]
        gradients.append(torch.cat([one.flatten().cpu() for one in parameters]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.999
    assert gradients[1].norm().item() == pytest.approx(gradients[0].norm().item(), rel=0.01)


@each
def test_a_bf16_step_is_finite_and_near_fp32(make: Callable[[], Tokenizer], device: torch.device) -> None:
    start = trained(make, device, steps=3)
    losses = []
    for precision in (Precision(), Precision(autocast="bf16", channels_last=True)):
        objective = Reconstruct(tokenizer=deepcopy(start), variance=0.1, mse_over_variance=1.0)
        precision.apply_memory_format(objective)
        optimizer = torch.optim.Adam(objective.parameters(), fused=True)
        with precision.context(device):
            total = objective(Batch(images=images().to(device)), "tokenizer", 3).total
        total.backward()
        optimizer.step()
        assert all(one.isfinite().all() for one in objective.parameters())
        losses.append(total.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


@each
def test_training_lowers_the_loss(make: Callable[[], Tokenizer], device: torch.device) -> None:
    batch = images().to(device)
    errors = []
    for steps in (3, 40):
        tokenizer = trained(make, device, steps).eval()
        with torch.no_grad():
            errors.append((tokenizer(batch).images - batch).square().mean().item())
    assert errors[1] < 0.5 * errors[0]


@each
def test_codes_are_those_of_a_cpu(make: Callable[[], Tokenizer], device: torch.device) -> None:
    """In the settings that a run uses, where a GPU's convolutions may be in TF32."""
    tokenizer = trained(make, CPU).eval()
    with torch.no_grad():
        expected = tokenizer.encode(images())
        decoded = tokenizer.decode(expected)
        tokenizer.to(device)
        found = tokenizer.encode(images().to(device))
        again = tokenizer.decode(tuple(level.to(device) for level in expected))
    for level, other in zip(expected, found, strict=True):
        assert (level == other.cpu()).double().mean() >= 0.99
    torch.testing.assert_close(again.cpu(), decoded, rtol=0, atol=0.01)
