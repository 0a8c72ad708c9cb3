"""Energies of eigenfilters: what they are of noise, and what a blur does to them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from scanvq.metrics.eigenfilters import Eigenfilters


def test_energies_of_white_noise_are_its_deviation() -> None:
    images = np.random.default_rng(0).normal(0.5, 0.1, (40, 1024))
    filters = Eigenfilters.of(images)
    np.testing.assert_allclose(filters.filters.T @ filters.filters, np.eye(9), atol=1e-12)
    np.testing.assert_allclose(filters.log_energies(images), np.log(0.1), atol=0.15)


def test_a_blur_lowers_the_rare_energies_most() -> None:
    random = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(random.normal(0, 1, (40, 32, 32)), (0, 2, 2)) * 4
    images = smooth + random.normal(0, 0.05, smooth.shape)
    filters = Eigenfilters.of(images.reshape(40, -1))
    blurred = ndimage.gaussian_filter(images, (0, 0.7, 0.7)).reshape(40, -1)
    change = filters.log_energies(blurred) - filters.log_energies(images.reshape(40, -1))
    assert (change[:, 0] < -0.5).all()
    assert (change[:, 0] < change[:, -1] - 0.4).all()
