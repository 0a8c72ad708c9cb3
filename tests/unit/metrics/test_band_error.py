"""Error by frequency band on gratings of a known frequency."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scanvq.metrics.band_error import band_error


def grating(cycles: int, size: int = 64) -> torch.Tensor:
    wave = torch.sin(2 * torch.pi * cycles * torch.arange(size) / size)
    return wave.expand(1, 1, size, size).clone()


@pytest.mark.parametrize(("cycles", "band"), [(2, 0), (6, 1), (18, 4), (30, 7)])
def test_a_lost_frequency_is_an_error_of_one_in_its_band(cycles: int, band: int) -> None:
    everything = sum(grating(c) for c in (2, 6, 10, 14, 18, 22, 26, 30))
    expected = np.zeros(8)
    expected[band] = 1
    found = band_error(everything - grating(cycles), everything)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_equal_images_have_no_error_and_noise_has_it_where_nothing_was() -> None:
    images = grating(2) + 5
    assert band_error(images, images).tolist() == [[0.0] * 8]
    found = band_error(images + 0.1 * grating(30), images)
    np.testing.assert_allclose(found[0], [0] * 7 + [1], atol=1e-5)
    np.testing.assert_allclose(band_error(images + 3, images)[0], 0, atol=1e-5)


def test_images_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        band_error(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 9))
