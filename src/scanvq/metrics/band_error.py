"""The error of a reconstruction by frequency band, per image."""

from __future__ import annotations

import torch
from torch import Tensor

BANDS = 8


def band_error(images: Tensor, targets: Tensor, *, bands: int = BANDS) -> Tensor:
    """The error's share of the target's energy in rings of equal width from frequency 0 to Nyquist's.

    0: the band is reconstructed exactly; 1: as bad as leaving the band out (a blur reaches 1 in the upper
    bands); above 1: worse than that. The mean intensity is left out of the first band. Frequencies are
    relative to each axis' own Nyquist frequency; corners beyond 1 belong to the last band.

    Args:
        images: (B, C, H, W).
        targets: of the same shape.
        bands: how many.

    Returns:
        (B, bands) float32. A band without energy in the target is 0 if it has no error either, else 1.

    Raises:
        ValueError: the shapes differ.
    """
    if images.shape != targets.shape or images.ndim != 4:
        raise ValueError(
            f"band_error compares images of one shape (B, C, H, W); "
            f"got {tuple(images.shape)} and {tuple(targets.shape)}"
        )
    height, width = images.shape[-2:]
    rows = torch.fft.fftfreq(height, d=0.5, device=images.device)[:, None]
    columns = torch.fft.fftfreq(width, d=0.5, device=images.device)[None]
    radius = (rows.square() + columns.square()).sqrt()
    band = (radius * bands).long().clamp_max(bands - 1)
    band[0, 0] = bands  # the mean intensity, cut off below

    def energy(values: Tensor) -> Tensor:
        power = torch.fft.fft2(values.double()).abs().square().sum(dim=1).flatten(1)
        sums = power.new_zeros(len(power), bands + 1)
        return sums.index_add_(1, band.flatten(), power)[:, :bands]

    error, signal = energy(images.double() - targets.double()), energy(targets)
    tiny = 1e-12 * signal.sum(dim=1, keepdim=True) + 1e-300
    share = error / signal.clamp_min(1e-300)
    return torch.where(signal > tiny, share, (error > tiny).double()).float()
