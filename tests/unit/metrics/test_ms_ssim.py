"""Multi-scale SSIM against its definition in NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from scanvq.metrics.ms_ssim import WEIGHTS, ms_ssim, scale_count
from scanvq.metrics.ssim import ssim


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    scales = scale_count(*x.shape)
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    result = 1.0
    for scale in range(scales):

        def blur(values: np.ndarray) -> np.ndarray:
            return gaussian_filter(values, 1.5, truncate=3.5)[5:-5, 5:-5]

        mean_x, mean_y = blur(x), blur(y)
        structure = (2 * (blur(x * y) - mean_x * mean_y) + 0.03**2) / (
            blur(x * x) - mean_x**2 + blur(y * y) - mean_y**2 + 0.03**2
        )
        luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
        term = (luminance * structure if scale == scales - 1 else structure).mean()
        result *= max(term, 0) ** weights[scale]
        x, y = (v[: v.shape[0] // 2 * 2, : v.shape[1] // 2 * 2] for v in (x, y))
        x, y = (v.reshape(v.shape[0] // 2, 2, v.shape[1] // 2, 2).mean(axis=(1, 3)) for v in (x, y))
    return result


@pytest.mark.parametrize("size", [(16, 20), (64, 64), (189, 157), (192, 176)])
def test_equals_its_definition(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    targets = gaussian_filter(random.uniform(size=(3, *size)), (0, 2, 2))
    images = np.clip(targets + random.normal(0, 0.05, targets.shape), 0, 1)
    found = ms_ssim(torch.tensor(images)[:, None], torch.tensor(targets)[:, None])
    expected = [by_definition(x, y) for x, y in zip(images, targets, strict=True)]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_one_scale_is_ssim() -> None:
    images, targets = torch.rand(2, 4, 1, 20, 20)
    assert scale_count(20, 20) == 1
    torch.testing.assert_close(
        ms_ssim(images, targets), ssim(images, targets).clamp_min(0), atol=1e-4, rtol=0
    )


def test_scales_and_limits() -> None:
    assert [scale_count(size, 500) for size in (11, 21, 22, 44, 88, 175, 176, 400)] == [
        1,
        1,
        2,
        3,
        4,
        4,
        5,
        5,
    ]
    images = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(ms_ssim(images, images), torch.ones(2))
    with pytest.raises(ValueError, match="at least 11 x 11"):
        ms_ssim(torch.rand(1, 1, 10, 40), torch.rand(1, 1, 10, 40))
    with pytest.raises(ValueError, match="one shape"):
        ms_ssim(torch.rand(1, 1, 20, 40), torch.rand(1, 1, 20, 41))
