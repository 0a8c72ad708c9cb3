"""The contract of every decoder of created images in the build table."""

from __future__ import annotations

import pytest
import torch

from scanvq.build import TABLES, make_decoder
from scanvq.decoders.image_decoder import ImageDecoder, image_noise, image_seeds
from scanvq.recipe.completion import complete_part

SIZES = [(32, 16), (33, 19), (6, 5)]


@pytest.fixture(params=TABLES[ImageDecoder])
def decoder(request: pytest.FixtureRequest) -> ImageDecoder:
    torch.manual_seed(0)
    made = make_decoder(complete_part(ImageDecoder, request.param, where="decoder", tables=TABLES))
    for parameter in made.parameters():  # as if trained: the last layer begins with 0
        torch.nn.init.normal_(parameter, std=0.1)
    return made.eval()


def decoded(decoder: ImageDecoder, images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    noise = image_noise(decoder.noise_shapes(*images.shape[-2:]), image_seeds(seed, len(images)))
    with torch.no_grad():
        return decoder(images, noise)


@pytest.mark.parametrize("size", SIZES)
def test_any_size_is_kept_and_the_seed_decides(decoder: ImageDecoder, size: tuple[int, int]) -> None:
    images = torch.rand(3, 1, *size)
    first = decoded(decoder, images)
    assert first.shape == images.shape
    assert torch.equal(first, decoded(decoder, images))
    assert not torch.allclose(first, decoded(decoder, images, seed=1), atol=1e-4)


def test_an_image_does_not_depend_on_the_others(decoder: ImageDecoder) -> None:
    images = torch.rand(4, 1, 32, 16)
    changed = images.clone()
    changed[1:] = 0.5
    assert torch.equal(decoded(decoder, images)[0], decoded(decoder, changed)[0])


def test_equal_images_get_different_texture(decoder: ImageDecoder) -> None:
    first, second = decoded(decoder, torch.full((2, 1, 32, 16), 0.5))
    assert not torch.allclose(first, second, atol=1e-4)


def test_every_parameter_gets_a_gradient(decoder: ImageDecoder) -> None:
    images = torch.rand(2, 1, 32, 16)
    noise = image_noise(decoder.noise_shapes(32, 16), image_seeds(0, 2))
    decoder(images, noise).square().sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in decoder.parameters()
    )


def test_an_untrained_decoder_returns_its_input() -> None:
    for kind in TABLES[ImageDecoder]:
        made = make_decoder(complete_part(ImageDecoder, kind, where="decoder", tables=TABLES)).eval()
        images = torch.rand(2, 1, 32, 16)
        assert torch.equal(decoded(made, images), images)


def test_the_noise_of_an_image_depends_on_its_seed_alone() -> None:
    shapes = ((3,), (2, 4, 5))
    many, few = (image_noise(shapes, image_seeds(7, count)) for count in (5, 2))
    assert all(torch.equal(a[:2], b) for a, b in zip(many, few, strict=True))
    assert len(set(image_seeds(0, 50)) | set(image_seeds(1, 50))) == 100
