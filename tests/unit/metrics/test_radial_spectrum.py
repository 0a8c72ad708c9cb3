"""The radial power spectrum: its rings, its gradient, and small images."""

from __future__ import annotations

import math

import torch

from scanvq.metrics.radial_spectrum import log_radial_spectrum


def test_a_wave_is_in_the_ring_of_its_frequency() -> None:
    columns = torch.arange(64) * 2 * math.pi
    for cycles in (8, 16, 24):  # of 64 pixels: Nyquist is 32
        wave = torch.cos(columns * cycles / 64).expand(1, 1, 64, 64)
        assert int(log_radial_spectrum(wave)[0, 0].argmax()) == cycles


def test_the_power_of_white_noise_is_flat_and_grows_with_its_variance() -> None:
    noise = torch.randn(64, 1, 48, 40, generator=torch.Generator().manual_seed(0))
    mean = log_radial_spectrum(noise).mean(dim=(0, 1))[1:]
    assert mean.std() < 0.1
    louder = log_radial_spectrum(2 * noise).mean(dim=(0, 1))[1:]
    torch.testing.assert_close(louder - mean, torch.full_like(mean, math.log(4)), atol=1e-3, rtol=0)


def test_it_is_differentiable_where_there_is_no_power() -> None:
    images = torch.zeros(1, 1, 6, 9, requires_grad=True)
    spectrum = log_radial_spectrum(images)
    assert spectrum.shape == (1, 1, 3)
    spectrum.sum().backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
