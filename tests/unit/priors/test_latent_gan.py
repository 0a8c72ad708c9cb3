"""The latent GAN: sizes, maps, and quantization to the nearest code."""

from __future__ import annotations

import pytest
import torch

from scanvq.conditions.space import NO_CONDITIONS, ConditionSpace
from scanvq.priors.latent_gan import LatentGAN
from scanvq.types import UNKNOWN, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))


def gan(
    height: int = 8,
    width: int = 8,
    *,
    size: int = 6,
    dim: int = 4,
    conditions: ConditionSpace = NO_CONDITIONS,
) -> LatentGAN:
    torch.manual_seed(0)
    prior = LatentGAN(
        noise_dim=8,
        channels=4,
        discriminator_channels=4,
        codebook_size=size,
        code_dim=dim,
        conditions=conditions,
        height=height,
        width=width,
    )
    prior.set_codebook(3 + 2 * torch.randn(size, dim))
    for parameter in prior.parameters():  # an untrained network makes next to nothing of its noise
        torch.nn.init.normal_(parameter, 0, 0.5)
    return prior.eval()


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_report_s_sizes() -> None:
    prior = LatentGAN(codebook_size=512, code_dim=64, height=64, width=64)
    assert count(prior.generator) == 3_868_544
    assert count(prior.critic) == 725_888


@pytest.mark.parametrize("conditions", [NO_CONDITIONS, LABELS], ids=["none", "labels"])
@pytest.mark.parametrize("shape", [(64, 64), (16, 16), (20, 24), (48, 40), (23, 17), (5, 31), (2, 3), (1, 1)])
def test_any_grid(shape: tuple[int, int], conditions: ConditionSpace) -> None:
    prior = gan(*shape, conditions=conditions)
    known = torch.full((2, *shape), UNKNOWN)
    codes = prior.sample(known, params=SamplingParams())
    maps = prior.maps(codes)
    assert maps.shape == (2, 4, *shape)
    assert prior.critic(maps, None).shape == (2,)


def test_maps_fill_the_range_of_tanh() -> None:
    prior = gan()
    maps = prior.maps(torch.arange(6).view(1, 1, 6))  # every code once
    torch.testing.assert_close(maps.amax((0, 2, 3)), torch.ones(4))
    torch.testing.assert_close(maps.amin((0, 2, 3)), -torch.ones(4))


def test_a_map_of_codes_is_quantized_to_the_same_codes() -> None:
    prior = gan()
    codes = torch.randint(6, (3, 8, 8))
    assert torch.equal(prior.quantized(prior.maps(codes)), codes)


def test_maps_are_quantized_to_the_nearest_vector_of_the_codebook() -> None:
    prior = gan()
    maps = torch.rand(2, 4, 8, 8) * 2 - 1
    low, high = prior.vectors.amin(0), prior.vectors.amax(0)
    rows = (maps.permute(0, 2, 3, 1) + 1) / 2 * (high - low) + low
    nearest = torch.cdist(rows.reshape(-1, 4), prior.vectors).argmin(1).view(2, 8, 8)
    assert torch.equal(prior.quantized(maps), nearest)


def test_samples_vary_from_cell_to_cell_and_from_one_to_the_next() -> None:
    prior = gan()
    codes = prior.sample(torch.full((4, 8, 8), UNKNOWN), params=SamplingParams())
    assert len(codes.unique()) > 1
    assert not torch.equal(codes[0], codes[1])


def test_without_noise_all_samples_are_equal() -> None:
    first, second = gan().sample(torch.full((2, 8, 8), UNKNOWN), params=SamplingParams(temperature=0))
    assert torch.equal(first, second)


def test_a_constant_dimension_of_the_codebook_is_allowed() -> None:
    prior = gan()
    prior.set_codebook(torch.cat([torch.randn(6, 3), torch.ones(6, 1)], dim=1))
    codes = torch.randint(6, (2, 8, 8))
    assert torch.isfinite(prior.maps(codes)).all()
    assert torch.equal(prior.quantized(prior.maps(codes)), codes)


def test_no_codebook_yet() -> None:
    prior = LatentGAN(codebook_size=6, code_dim=4, height=8, width=8)
    with pytest.raises(ValueError, match="no codebook yet"):
        prior.sample(torch.full((1, 8, 8), UNKNOWN), params=SamplingParams())


def test_another_grid_or_codebook() -> None:
    with pytest.raises(ValueError, match="codes are 8x9; this prior was trained for 8x8"):
        gan().sample(torch.full((1, 8, 9), UNKNOWN), params=SamplingParams())
    with pytest.raises(ValueError, match=r"codebook is \(5, 4\)"):
        gan().set_codebook(torch.zeros(5, 4))


def test_coarser_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be conditioned on coarser levels"):
        LatentGAN(codebook_size=6, code_dim=4, height=8, width=8, context_sizes=(4,))


def test_sizes_below_one() -> None:
    with pytest.raises(ValueError, match="noise_dim is 0"):
        LatentGAN(noise_dim=0, codebook_size=6, code_dim=4, height=8, width=8)
