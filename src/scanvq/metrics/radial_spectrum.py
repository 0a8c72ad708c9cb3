"""The power spectrum of images in rings of spatial frequency."""

from __future__ import annotations

import torch
from torch import Tensor

RINGS = 32
_FLOOR = 1e-4  # of the power: below, a ring counts as empty


def log_radial_spectrum(images: Tensor) -> Tensor:
    """The logarithm of the power of images under a Hann window, averaged over rings up to Nyquist.

    Args:
        images: (B, C, H, W), intensities in [0, 1]; differentiable.

    Returns:
        (B, C, rings) in fp32, at most `RINGS` and half of the shorter side.
    """
    height, width = images.shape[-2:]
    rings = min(RINGS, height // 2, width // 2)
    rows = torch.fft.fftfreq(height, device=images.device)[:, None]
    columns = torch.fft.rfftfreq(width, device=images.device)[None]
    ring = (
        (torch.hypot(rows, columns) / 0.5 * rings).long().clamp(max=rings).flatten()
    )  # beyond Nyquist: last
    window = _hann(height, images)[:, None] * _hann(width, images)[None]
    power = torch.fft.rfft2(images.float() * window).abs().square().flatten(-2)  # (B, C, frequencies)
    sums = power.new_zeros(*power.shape[:-1], rings + 1).index_add(-1, ring, power)
    counts = torch.bincount(ring, minlength=rings + 1).clamp(min=1)
    return (sums / counts)[..., :rings].add(_FLOOR).log()


def _hann(size: int, images: Tensor) -> Tensor:
    return torch.hann_window(size, periodic=False, device=images.device)
