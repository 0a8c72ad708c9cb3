"""SSIM against scikit-image."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from scanvq.metrics.foreground import foreground
from scanvq.metrics.ssim import ssim, ssim_foreground, ssim_map

SETTINGS = {"data_range": 1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
SIZES = [(11, 11), (12, 40), (43, 42), (64, 65), (240, 256), (256, 128), (256, 144)]


def pair(height: int, width: int, noise: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    """Three disks of different size on black air, and noisy copies."""
    generator = torch.Generator().manual_seed(height * width)
    rows = torch.linspace(-1, 1, height)[:, None]
    columns = torch.linspace(-1, 1, width)
    radius = torch.tensor([0.4, 0.6, 0.8])[:, None, None, None]
    targets = ((rows**2 + columns**2) < radius**2).float() * (0.6 + 0.3 * torch.sin(9 * columns))
    images = (targets + noise * torch.randn(targets.shape, generator=generator)).clamp(0, 1)
    return images, targets


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.3])
def test_equals_scikit_image(height: int, width: int, noise: float) -> None:
    images, targets = pair(height, width, noise)
    expected = [
        structural_similarity(image[0].numpy(), target[0].numpy(), **SETTINGS)
        for image, target in zip(images, targets, strict=True)
    ]
    np.testing.assert_allclose(ssim(images, targets).numpy(), expected, atol=1e-5)


def test_the_foreground_mean_is_scikit_images_map_over_the_foreground() -> None:
    images, targets = pair(96, 80)
    masks = foreground(targets)
    for image, target, mask, score in zip(
        images, targets, masks, ssim_foreground(images, targets), strict=True
    ):
        _, full = structural_similarity(image[0].numpy(), target[0].numpy(), full=True, **SETTINGS)
        inside = mask[0].numpy()[5:-5, 5:-5]
        assert score.item() == pytest.approx(full[5:-5, 5:-5][inside].mean(), abs=1e-5)


def test_the_map_is_scikit_images_interior() -> None:
    images, targets = pair(50, 60)
    _, full = structural_similarity(images[1, 0].numpy(), targets[1, 0].numpy(), full=True, **SETTINGS)
    np.testing.assert_allclose(ssim_map(images, targets)[1, 0].numpy(), full[5:-5, 5:-5], atol=1e-4)
