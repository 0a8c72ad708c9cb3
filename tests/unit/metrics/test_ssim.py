"""SSIM as a loss, and its edges."""

import pytest
import torch

from scanvq.metrics.ssim import ssim, ssim_foreground, ssim_map


def test_equal_images_score_one() -> None:
    images = torch.rand(2, 1, 20, 30)
    torch.testing.assert_close(ssim(images, images), torch.ones(2))
    torch.testing.assert_close(ssim_foreground(images, images), torch.ones(2))


def test_constant_images_are_finite() -> None:
    black, gray = torch.zeros(1, 1, 16, 16), torch.full((1, 1, 16, 16), 0.5)
    assert ssim(black, black).item() == pytest.approx(1)
    torch.testing.assert_close(ssim_foreground(gray, black), ssim(gray, black))


def test_the_gradient_is_that_of_the_plain_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 1, 45, 50, generator=generator, requires_grad=True)
    targets = torch.rand(2, 1, 45, 50, generator=generator)
    (ours,) = torch.autograd.grad(ssim(images, targets).sum(), images)

    def blur(x: torch.Tensor) -> torch.Tensor:
        offsets = torch.arange(-5, 6, dtype=torch.float64)
        weights = torch.exp(-0.5 * (offsets / 1.5) ** 2)
        window = torch.outer(weights, weights) / weights.sum() ** 2
        return torch.nn.functional.conv2d(x, window[None, None])

    x, y = images.double(), targets.double()
    variance_x, variance_y = blur(x * x) - blur(x) ** 2, blur(y * y) - blur(y) ** 2
    covariance = blur(x * y) - blur(x) * blur(y)
    luminance = (2 * blur(x) * blur(y) + 1e-4) / (blur(x) ** 2 + blur(y) ** 2 + 1e-4)
    similarity = luminance * (2 * covariance + 9e-4) / (variance_x + variance_y + 9e-4)
    (expected,) = torch.autograd.grad(similarity.mean(dim=(1, 2, 3)).sum(), images)
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-3)


def test_descending_its_gradient_raises_it() -> None:
    targets = torch.rand(1, 1, 24, 24)
    images = torch.full_like(targets, 0.5, requires_grad=True)
    before = ssim(images, targets)
    (gradient,) = torch.autograd.grad(before.sum(), images)
    assert ssim(images + 5 * gradient, targets) > before


def test_bfloat16_and_autocast_compute_in_float32() -> None:
    images, targets = torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32)
    expected = ssim(images, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(ssim(images, targets), expected)
    assert ssim(images.bfloat16(), targets.bfloat16()).dtype == torch.float32


def test_a_first_call_in_inference_mode_does_not_spoil_training() -> None:
    targets = torch.rand(1, 1, 29, 31)
    with torch.inference_mode():
        ssim(targets, targets)
    images = targets.clone().requires_grad_()
    ssim(images, targets).sum().backward()
    assert images.grad is not None


def test_too_small_or_unequal_images_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 11 x 11"):
        ssim(torch.rand(1, 1, 10, 30), torch.rand(1, 1, 10, 30))
    with pytest.raises(ValueError, match="one shape"):
        ssim_map(torch.rand(1, 1, 16, 16), torch.rand(2, 1, 16, 16))
