"""Maps of images: they add up to the bits, and do not depend on the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scanvq.model.coder import Coder
from scanvq.model.restore import restore_codes
from scanvq.model.score import bits_of
from scanvq.model.score_maps import Restoration, Sign, score_maps, spread
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.maskgit import MaskGIT

CPU = torch.device("cpu")
SIGNS: tuple[Sign, ...] = ("any", "brighter", "darker")


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(5, 1, 16, 24, generator=torch.Generator().manual_seed(0))


def test_maps_of_bits_add_up_to_the_code_length(
    coder: Coder, prior: HierarchicalPrior, images: torch.Tensor
) -> None:
    found = score_maps(coder, prior, images, restoration=None, device=CPU)
    bits = bits_of(prior, coder.encode(images), condition=None, device=CPU).numpy()
    assert found.maps["bits"].sum(axis=(1, 2)) == pytest.approx(bits, rel=1e-5)
    assert found.bits_per_pixel == pytest.approx(bits / (16 * 24), rel=1e-5)
    assert set(found.maps) == {"bits", "residual"}


def test_bits_of_a_cell_are_spread_over_its_pixels() -> None:
    cells = torch.tensor([[[4.0, 8.0]]])
    assert spread(cells, 2, 4).tolist() == [[[1, 1, 2, 2], [1, 1, 2, 2]]]


def test_an_image_has_the_same_maps_alone_and_in_a_batch(
    coder: Coder, prior: HierarchicalPrior, images: torch.Tensor
) -> None:
    restoration = Restoration(above=3.5, count=2, seed=4)
    together = score_maps(coder, prior, images, restoration=restoration, device=CPU)
    alone = score_maps(coder, prior, images[3:4], restoration=restoration, device=CPU)
    for name in ("bits", "residual", "restored"):
        np.testing.assert_allclose(together.maps[name][3], alone.maps[name][0], atol=1e-5)


def test_without_improbable_codes_the_restoration_is_the_reconstruction(
    coder: Coder, prior: HierarchicalPrior, images: torch.Tensor
) -> None:
    found = score_maps(coder, prior, images, restoration=Restoration(above=1e3, count=2), device=CPU)
    np.testing.assert_allclose(found.maps["restored"], found.maps["residual"], atol=1e-6)


def test_the_sign_selects_brighter_or_darker_pixels() -> None:
    images = np.array([[[0.5, 0.5]]], np.float32)
    restored = np.array([[[[0.3, 0.9]], [[0.5, 0.5]]]], np.float32)
    errors = {sign: Restoration(above=1, count=2, sign=sign).error(images, restored) for sign in SIGNS}
    np.testing.assert_allclose(errors["any"], [[[0.1, 0.2]]], atol=1e-6)
    np.testing.assert_allclose(errors["brighter"], [[[0.1, 0]]], atol=1e-6)
    np.testing.assert_allclose(errors["darker"], [[[0, 0.2]]], atol=1e-6)
    with pytest.raises(ValueError, match="use any, brighter, darker"):
        Restoration(above=1, sign="odd")  # type: ignore[arg-type]


def test_residual_is_the_mean_over_the_foreground(coder: Coder) -> None:
    images = torch.zeros(2, 1, 16, 24)
    images[0, 0, 4:8, 6:12] = 1.0  # the other is empty
    found = score_maps(coder, None, images, restoration=None, device=CPU)
    error = np.abs(found.images - found.reconstructions)
    assert found.residual == pytest.approx([error[0, 4:8, 6:12].mean(), error[1].mean()], rel=1e-5)
    assert found.bits_per_pixel is None


def test_a_prior_without_likelihood_is_refused(coder: Coder, images: torch.Tensor) -> None:
    masked = HierarchicalPrior(
        levels=[MaskGIT(layers=1, channels=8, heads=2, codebook_size=16, height=4, width=6)]
    ).eval()
    with pytest.raises(TypeError, match="no likelihood"):
        score_maps(coder, masked, images, restoration=None, device=CPU)
    with pytest.raises(TypeError, match="no likelihood"):
        restore_codes(masked, coder.encode(images), above=1.0, count=1, seed=0, device=CPU)
