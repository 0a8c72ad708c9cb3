"""Quantizers on a GPU give the codes of brute force, and there as on a CPU learn the same codebook."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from scanvq.quantizers import MovingAverageQuantizer, NearestQuantizer
from scanvq.types import Quantizer

pytestmark = pytest.mark.gpu

SIZE, DIM = 512, 64
MAKERS: dict[str, Callable[[], Quantizer]] = {
    "nearest": lambda: NearestQuantizer(codebook_size=SIZE, code_dim=DIM),
    "moving_average": lambda: MovingAverageQuantizer(codebook_size=SIZE, code_dim=DIM),
}
each = pytest.mark.parametrize("name", MAKERS)


def features(seed: int = 0) -> torch.Tensor:
    return torch.randn(8, DIM, 32, 16, generator=torch.Generator().manual_seed(seed))


def trained(name: str, device: torch.device) -> Quantizer:
    """A quantizer after three steps on the same features; data-dependent starts draw from the same seed."""
    torch.manual_seed(0)
    quantizer = MAKERS[name]().to(device)
    for step in range(3):
        quantizer(features(step).to(device))
    return quantizer


@each
def test_equals_brute_force(name: str, device: torch.device) -> None:
    quantizer = trained(name, device).eval()
    given = features(9).to(device)
    every = torch.arange(SIZE, device=device).view(1, 1, SIZE)
    codebook = quantizer.embed((every,))[0, :, 0].T.double()  # (K, D)
    rows = given.permute(0, 2, 3, 1).reshape(-1, DIM).double()
    distances = torch.cdist(rows, codebook, compute_mode="donot_use_mm_for_euclid_dist")
    codes = quantizer(given).codes[0].flatten()
    chosen = distances.gather(1, codes[:, None])[:, 0]
    share = (codes == distances.argmin(1)).double().mean()
    assert share >= 0.999  # fp32 may take either of two that are as near
    torch.testing.assert_close(chosen, distances.amin(1), rtol=1e-5, atol=0)


@each
def test_vectors_are_those_of_the_codes(name: str, device: torch.device) -> None:
    quantizer = trained(name, device).eval()
    result = quantizer(features(9).to(device))
    assert result.vectors.device.type == device.type
    assert torch.equal(quantizer.embed(result.codes), result.vectors)


@each
def test_a_step_in_training_is_that_of_a_cpu(name: str, device: torch.device) -> None:
    start = trained(name, torch.device("cpu"))
    found = []
    for where in (torch.device("cpu"), device):
        quantizer = MAKERS[name]()
        quantizer.load_state_dict(start.state_dict())
        quantizer.to(where)
        given = features(5).to(where).requires_grad_()
        result = quantizer(given)
        sum(result.losses.values()).backward()
        state = {key: value.cpu() for key, value in quantizer.state_dict().items()}
        found.append((result.codes[0].cpu(), given.grad.cpu(), state))
    (codes, gradient, state), (other_codes, other_gradient, other_state) = found
    same = (codes == other_codes)[:, None]
    assert same.double().mean() >= 0.999
    torch.testing.assert_close(other_gradient * same, gradient * same, rtol=1e-4, atol=1e-7)
    for key, value in state.items():
        moved = (other_state[key].double() - value.double()).abs()
        assert moved.mean() <= 1e-3 * value.double().abs().mean() + 1e-6, key
