"""The contract of every decoder of created images in the build table, with every kind of tokenizer."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from scanvq.build import TABLES, make_decoder
from scanvq.decoders.image_decoder import ImageDecoder, image_noise, image_seeds
from scanvq.recipe.completion import complete_part
from scanvq.types import Tokenizer
from tests.contracts.test_tokenizers import TOKENIZERS

Case = tuple[ImageDecoder, Tokenizer]


@pytest.fixture(params=product(TABLES[ImageDecoder], TOKENIZERS), ids=str)
def untrained(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(0)
    kind, name = request.param
    tokenizer = TOKENIZERS[name]().eval()
    spec = complete_part(ImageDecoder, kind, where="decoder", tables=TABLES)
    return make_decoder(spec, tokenizer=tokenizer).eval(), tokenizer


@pytest.fixture
def case(untrained: Case) -> Case:
    for parameter in untrained[0].parameters():  # as if trained: last convolutions begin with 0
        torch.nn.init.normal_(parameter, std=0.1)
    return untrained


def codes_of(tokenizer: Tokenizer, count: int = 3) -> tuple[torch.Tensor, ...]:
    side = 2 * tokenizer.multiple
    sizes = zip(tokenizer.code_shapes(side, side), tokenizer.codebook_sizes, strict=True)
    random = torch.Generator().manual_seed(0)
    return tuple(torch.randint(size, (count, *shape), generator=random) for shape, size in sizes)


def decoded(
    decoder: ImageDecoder, tokenizer: Tokenizer, codes: tuple[torch.Tensor, ...], seed: int = 0
) -> torch.Tensor:
    with torch.no_grad():
        vectors = tokenizer.vectors(codes)
        noise = image_noise(decoder.noise_shapes(*vectors.shape[-2:]), image_seeds(seed, len(vectors)))
        return decoder(vectors, noise)


def test_an_untrained_decoder_gives_the_tokenizer_s_images(untrained: Case) -> None:
    decoder, tokenizer = untrained
    codes = codes_of(tokenizer)
    with torch.no_grad():
        assert torch.equal(decoded(decoder, tokenizer, codes), tokenizer.decode(codes))


def test_the_seed_decides(case: Case) -> None:
    codes = codes_of(case[1])
    first = decoded(*case, codes)
    assert first.shape == case[1].decode(codes).shape
    assert torch.equal(first, decoded(*case, codes))
    assert not torch.allclose(first, decoded(*case, codes, seed=1), atol=1e-4)


def test_an_image_does_not_depend_on_the_others(case: Case) -> None:
    codes = codes_of(case[1])
    changed = tuple(level.clone() for level in codes)
    for level in changed:
        level[1:] = 0
    assert torch.equal(decoded(*case, codes)[0], decoded(*case, changed)[0])


def test_equal_codes_get_different_texture(case: Case) -> None:
    same = tuple(level[:1].expand(2, -1, -1) for level in codes_of(case[1]))
    first, second = decoded(*case, same)
    assert not torch.allclose(first, second, atol=1e-4)


def test_the_decoder_learns_and_the_tokenizer_does_not(case: Case) -> None:
    decoder, tokenizer = case
    decoder.train()
    with torch.no_grad():
        vectors = tokenizer.vectors(codes_of(tokenizer))
    noise = image_noise(decoder.noise_shapes(*vectors.shape[-2:]), image_seeds(0, len(vectors)))
    decoder(vectors, noise).square().sum().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in decoder.parameters())
    assert all(one.grad is None for one in tokenizer.parameters())


def test_the_noise_of_an_image_depends_on_its_seed_alone() -> None:
    shapes = ((3,), (2, 4, 5))
    many, few = (image_noise(shapes, image_seeds(7, count)) for count in (5, 2))
    assert all(torch.equal(a[:2], b) for a, b in zip(many, few, strict=True))
    assert len(set(image_seeds(0, 50)) | set(image_seeds(1, 50))) == 100
