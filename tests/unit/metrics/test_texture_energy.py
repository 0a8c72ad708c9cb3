"""Texture energies: strength, place and direction, but not the texture itself."""

from __future__ import annotations

import torch

from scanvq.metrics.texture_energy import SCALES, texture_energies, texture_error


def noise(seed: int) -> torch.Tensor:
    return torch.randn(8, 1, 64, 64, generator=torch.Generator().manual_seed(seed))


def test_other_noise_of_the_same_strength_is_near_and_of_another_is_not() -> None:
    same, louder = (texture_error(strength * noise(1), noise(0)) for strength in (1.0, 1.5))
    assert same < 0.2
    assert louder > 2 * same


def test_the_energy_of_white_noise() -> None:
    first, *_ = texture_energies(noise(0))
    torch.testing.assert_close(first.mean(), torch.tensor(2.0).sqrt(), atol=0.02, rtol=0)


def test_direction_and_place() -> None:
    stripes = torch.zeros(1, 1, 64, 64)
    stripes[..., ::2, 32:] = 1
    vertical, horizontal = texture_energies(stripes)[:2]
    assert vertical[0, 0, 3, -1] > 0.9
    assert vertical[0, 0, 3, 0] < 0.01
    assert horizontal[0, 0, 3, -1] < 0.01


def test_small_and_constant_images() -> None:
    assert texture_error(torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)) == 0
    assert len(texture_energies(torch.zeros(1, 1, 32, 20))) == 2 * len(SCALES)
    flat = torch.zeros(1, 1, 32, 32, requires_grad=True)
    texture_error(flat, torch.rand(1, 1, 32, 32)).backward()
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()
