"""How strong the texture of images is, place by place, direction by direction and scale by scale."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SCALES = (1, 2, 4)  # pixels to a side of the means whose differences are taken
WINDOW = 8  # pixels to a side of the window of a value: an edge and the tissue beside it are told apart
_FLOOR = 1e-5  # added to mean squares, so that the root has a gradient at 0


def texture_energies(images: Tensor) -> tuple[Tensor, ...]:
    """The root mean square difference of neighbors in windows, for each scale and direction.

    Images with the same energies have texture of the same strength, coarseness and direction at the same
    places, whatever the texture itself; so this can be learned without a critic. Energies of filtered images
    as a description of texture: Heeger and Bergen, SIGGRAPH 1995.

    Args:
        images: (B, C, H, W), intensities in [0, 1]; differentiable.

    Returns:
        Vertical and horizontal differences of each scale that leaves at least a window, (B, C, h, w) each.
    """
    found: list[Tensor] = []
    for scale in SCALES:
        window = WINDOW // scale
        means = F.avg_pool2d(images.float(), scale)
        if min(means.shape[-2:]) <= window:
            continue
        corner = means[..., :-1, :-1]
        for shifted in (means[..., 1:, :-1], means[..., :-1, 1:]):
            squares = F.avg_pool2d((shifted - corner).square(), window, max(1, window // 2))
            found.append((squares + _FLOOR).sqrt())
    return tuple(found)


def texture_error(images: Tensor, targets: Tensor) -> Tensor:
    """The mean absolute difference of texture energies, a scalar; 0 for images below a window."""
    pairs = zip(texture_energies(images), texture_energies(targets), strict=True)
    errors = [(own - other).abs().mean() for own, other in pairs]
    return torch.stack(errors).mean() if errors else images.new_zeros(())
