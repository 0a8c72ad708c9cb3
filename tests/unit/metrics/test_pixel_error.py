"""Pixel errors against hand-counted ones."""

import pytest
import torch

from scanvq.metrics.pixel_error import mae, mse, psnr

TARGETS = torch.zeros(2, 1, 2, 2)
IMAGES = torch.tensor([[[[0.0, 0.1], [0.2, 0.1]]], [[[0.1, 0.1], [0.1, 0.1]]]])


def test_each_image_has_its_own_error() -> None:
    torch.testing.assert_close(mae(IMAGES, TARGETS), torch.tensor([0.1, 0.1]))
    torch.testing.assert_close(mse(IMAGES, TARGETS), torch.tensor([0.015, 0.01]))
    torch.testing.assert_close(psnr(IMAGES, TARGETS), torch.tensor([18.2391, 20.0]))


def test_equal_images_have_a_finite_psnr() -> None:
    assert psnr(IMAGES, IMAGES).tolist() == pytest.approx([100.0, 100.0])


def test_half_precision_is_measured_in_float32() -> None:
    assert mae(IMAGES.bfloat16(), TARGETS.bfloat16()).dtype == torch.float32


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        mse(IMAGES, TARGETS[:1])
