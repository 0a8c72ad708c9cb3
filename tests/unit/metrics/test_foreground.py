"""What counts as the subject of a scan."""

import torch

from scanvq.metrics.foreground import foreground


def test_a_disk_with_a_dark_hole_is_whole_and_the_air_is_not() -> None:
    axis = torch.linspace(-1, 1, 64)
    radius = (axis[:, None] ** 2 + axis**2).sqrt()
    disk, hole = radius < 0.7, radius < 0.3
    image = torch.where(disk & ~hole, 0.8, 0.0)[None, None]
    assert torch.equal(foreground(image)[0, 0], disk)


def test_faint_noise_in_the_air_stays_background() -> None:
    image = 0.02 * torch.rand(1, 1, 50, 50)
    image[..., 15:35, 10:40] = 0.7
    expected = torch.zeros(50, 50, dtype=torch.bool)
    expected[15:35, 10:40] = True
    assert torch.equal(foreground(image)[0, 0], expected)


def test_any_intensity_scale_gives_the_same_mask() -> None:
    images = torch.rand(3, 1, 20, 30) ** 4
    assert torch.equal(foreground(images), foreground(1000 * images - 300))


def test_each_image_has_its_own_threshold() -> None:
    images = torch.zeros(2, 1, 16, 16)
    images[0, :, 4:12, 4:12] = 1.0
    images[1, :, 4:12, 4:12] = 0.01
    masks = foreground(images)
    assert torch.equal(masks[0], masks[1])


def test_a_constant_image_has_none() -> None:
    assert not foreground(torch.full((1, 1, 12, 12), 0.4)).any()
