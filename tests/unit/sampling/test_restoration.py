"""Restoration: only improbable codes change, given the restored codes before them."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.transformer import TransformerPrior
from scanvq.sampling.filters import choose
from scanvq.sampling.restoration import restore_improbable
from scanvq.types import LikelihoodPrior, SamplingParams

K, HEIGHT, WIDTH = 7, 4, 5
PARAMS = SamplingParams()


@pytest.fixture(params=["gated", "transformer"])
def prior(request: pytest.FixtureRequest) -> LikelihoodPrior:
    torch.manual_seed(0)
    network: LikelihoodPrior
    if request.param == "gated":
        network = GatedPixelCNN(channels=8, dilations=(1, 2), embedding_dim=4, codebook_size=K)
    else:
        network = TransformerPrior(
            layers=1, channels=8, heads=2, order="spiral_in", codebook_size=K, height=HEIGHT, width=WIDTH
        )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return network.eval()


@pytest.fixture
def codes() -> Tensor:
    return torch.randint(K, (3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1))


def restored(prior: LikelihoodPrior, codes: Tensor, above: float, uniform: Tensor) -> Tensor:
    with torch.inference_mode():
        stepper = prior.stepper((len(codes), HEIGHT, WIDTH))
        return restore_improbable(stepper, codes, above=above, params=PARAMS, uniform=uniform)


@torch.no_grad()
def by_whole_grids(
    prior: LikelihoodPrior, codes: Tensor, above: float, uniform: Tensor, cells: tuple[int, ...]
) -> Tensor:
    """The same, with the whole network for each cell."""
    found = codes.clone()
    flat = found.view(len(codes), -1)
    for cell in cells:
        logits = prior.logits(found).flatten(2)[:, :, cell]
        bits = F.cross_entropy(logits, flat[:, cell], reduction="none") / math.log(2)
        sampled = choose(logits, PARAMS, uniform.flatten(1)[:, cell])
        flat[:, cell] = torch.where(bits > above, sampled, flat[:, cell])
    return found


def test_codes_are_those_of_the_whole_network(prior: LikelihoodPrior, codes: Tensor) -> None:
    uniform = torch.rand(codes.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        cells = prior.stepper((len(codes), HEIGHT, WIDTH)).cells
    found = restored(prior, codes, 3.0, uniform)
    assert torch.equal(found, by_whole_grids(prior, codes, 3.0, uniform, cells))
    changed = (found != codes).float().mean()
    assert 0 < changed < 1


def test_no_code_is_improbable_above_all_bits(prior: LikelihoodPrior, codes: Tensor) -> None:
    uniform = torch.rand(codes.shape, dtype=torch.float64)
    assert torch.equal(restored(prior, codes, 1000.0, uniform), codes)


def test_all_codes_are_sampled_below_all_bits(prior: LikelihoodPrior, codes: Tensor) -> None:
    """Equal random numbers give equal images, whatever the given codes."""
    uniform = torch.rand((1, HEIGHT, WIDTH), dtype=torch.float64).expand(3, -1, -1)
    found = restored(prior, codes, -1.0, uniform)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
