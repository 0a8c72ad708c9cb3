"""What every tokenizer promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from scanvq.build import TABLES
from scanvq.quantizers import IdentityQuantizer, MovingAverageQuantizer, NearestQuantizer
from scanvq.tokenizers import VQVAE, VQVAE2
from scanvq.types import Tokenizer

TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "residual, 4x": lambda: VQVAE(
        quantizer=NearestQuantizer(codebook_size=32, code_dim=16),
        channels=(8, 16),
        residual_channels=8,
    ),
    "plain with batch norm, 8x": lambda: VQVAE(
        quantizer=MovingAverageQuantizer(codebook_size=32, code_dim=16),
        channels=(4, 8, 16),
        norm="batch",
        encoder_entry=0,
        projection=False,
        decoder_entry=0,
        residual_blocks=0,
        input_mean=0.132,
        input_std=0.188,
    ),
    "kernel 3, last convolution": lambda: VQVAE(
        quantizer=NearestQuantizer(codebook_size=32, code_dim=4),
        channels=(4, 8),
        kernel=3,
        encoder_entry=0,
        decoder_entry=0,
        residual_blocks=0,
        upsample_kernel=3,
        output="conv",
    ),
    "kernel 2 up": lambda: VQVAE(
        quantizer=MovingAverageQuantizer(codebook_size=32, code_dim=4),
        channels=(8, 8),
        encoder_entry=0,
        decoder_entry=1,
        residual_blocks=1,
        upsample_kernel=2,
    ),
    "group norm, pixel shuffle": lambda: VQVAE(
        quantizer=MovingAverageQuantizer(codebook_size=32, code_dim=4),
        channels=(4, 8, 8),
        norm="group",
        upsample="shuffle",
    ),
    "nearest up": lambda: VQVAE(
        quantizer=NearestQuantizer(codebook_size=32, code_dim=4), channels=(4,), upsample="nearest"
    ),
    "two levels": lambda: VQVAE2(
        quantizers=[
            MovingAverageQuantizer(codebook_size=32, code_dim=4),
            MovingAverageQuantizer(codebook_size=16, code_dim=8),
        ],
        channels=(8, 16),
        residual_blocks=1,
        residual_channels=8,
        input_mean=0.132,
        input_std=0.188,
    ),
    "three levels, gradient codebooks, no top loss": lambda: VQVAE2(
        quantizers=[
            NearestQuantizer(codebook_size=16, code_dim=4, start="data"),
            NearestQuantizer(codebook_size=32, code_dim=4, start="data"),
            NearestQuantizer(codebook_size=32, code_dim=4, start="data"),
        ],
        channels=(8, 8),
        norm="batch",
        upsample="nearest",
        residual_blocks=1,
        residual_channels=8,
        top_weight=0.0,
    ),
}
every = pytest.mark.parametrize("make", TOKENIZERS.values(), ids=TOKENIZERS)


def images(height: int = 32, width: int = 16, batch: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.rand(batch, 1, height, width, generator=torch.Generator().manual_seed(seed))


def trained(make: Callable[[], Tokenizer]) -> Tokenizer:
    torch.manual_seed(0)
    tokenizer = make()
    for step in range(2):
        tokenizer(images(seed=step))
    return tokenizer


def test_every_kind_is_held_to_these_promises() -> None:
    assert {type(make()) for make in TOKENIZERS.values()} == set(TABLES[Tokenizer].values())


@every
@pytest.mark.parametrize("size", [(256, 128), (256, 256)])
def test_code_shapes_are_true(make: Callable[[], Tokenizer], size: tuple[int, int]) -> None:
    tokenizer = make().eval()
    given = images(*size, batch=1)
    codes = tokenizer.encode(given)
    assert tuple(tuple(grid.shape[1:]) for grid in codes) == tokenizer.code_shapes(*size)
    assert tokenizer.decode(codes).shape == given.shape
    assert len(codes) == len(tokenizer.codebook_sizes)
    for grid, codebook_size in zip(codes, tokenizer.codebook_sizes, strict=True):
        assert grid.dtype == torch.int64
        assert 0 <= grid.min() <= grid.max() < codebook_size


@every
def test_codebooks_are_those_of_the_levels(make: Callable[[], Tokenizer]) -> None:
    tokenizer = trained(make)
    codebooks = tokenizer.codebooks()
    sizes = zip(tokenizer.codebook_sizes, tokenizer.code_dims, strict=True)
    assert [tuple(book.shape) for book in codebooks] == list(sizes)
    saved = [value for name, value in tokenizer.state_dict().items() if name.endswith("codebook")]
    assert all(torch.equal(book, own) for book, own in zip(codebooks, saved, strict=True))
    assert not any(book.requires_grad for book in codebooks)


@every
def test_indivisible_sizes_raise(make: Callable[[], Tokenizer]) -> None:
    tokenizer = make()
    for size in [(tokenizer.multiple + 1, 32), (32, 33), (0, 32)]:
        with pytest.raises(ValueError, match=f"multiples of {tokenizer.multiple}"):
            tokenizer.code_shapes(*size)
    with pytest.raises(ValueError, match="multiples of"):
        tokenizer.encode(images(33, 32))


@every
def test_forward_is_encode_then_decode(make: Callable[[], Tokenizer]) -> None:
    tokenizer = trained(make).eval()
    given = images(seed=9)
    result = tokenizer(given)
    assert all(torch.equal(a, b) for a, b in zip(result.codes, tokenizer.encode(given), strict=True))
    torch.testing.assert_close(result.images, tokenizer.decode(result.codes))


@every
def test_saved_and_loaded_gives_equal_codes(make: Callable[[], Tokenizer]) -> None:
    first, second = trained(make).eval(), make().eval()
    second.load_state_dict(first.state_dict())
    given = images(seed=9)
    assert all(torch.equal(a, b) for a, b in zip(first.encode(given), second.encode(given), strict=True))


@every
def test_every_parameter_gets_a_gradient(make: Callable[[], Tokenizer]) -> None:
    tokenizer = make()
    result = tokenizer(images())
    (result.images.square().mean() + sum(result.losses.values())).backward()
    assert [name for name, parameter in tokenizer.named_parameters() if parameter.grad is None] == []


@every
def test_bf16_and_channels_last(make: Callable[[], Tokenizer]) -> None:
    tokenizer = make().to(memory_format=torch.channels_last)
    given = images().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = tokenizer(given)
    (result.images.square().mean() + sum(result.losses.values())).backward()
    assert result.images.dtype == torch.float32
    assert all(torch.isfinite(parameter.grad).all() for parameter in tokenizer.parameters())
    tokenizer.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        result = tokenizer(given)
        torch.testing.assert_close(result.images, tokenizer.decode(result.codes))


@every
def test_loss_falls(make: Callable[[], Tokenizer]) -> None:
    torch.manual_seed(0)
    tokenizer = make()
    optimizer = torch.optim.Adam(tokenizer.parameters(), lr=3e-3)
    errors = []
    for _ in range(20):
        result = tokenizer(images())
        error = (result.images - images()).square().mean()
        optimizer.zero_grad()
        (error + sum(result.losses.values())).backward()
        optimizer.step()
        errors.append(error.item())
    assert min(errors[-3:]) < 0.8 * errors[0]


def test_parameter_counts_of_the_reports() -> None:
    """259,393 with the codebook, as reports 000 and 003 print it; report 004 mirrored."""
    printed = VQVAE(quantizer=NearestQuantizer(codebook_size=512, code_dim=64))
    assert sum(parameter.numel() for parameter in printed.parameters()) == 259_393
    mirrored = VQVAE(
        quantizer=NearestQuantizer(codebook_size=256, code_dim=64),
        channels=(16, 32, 64),
        norm="batch",
        encoder_entry=0,
        projection=False,
        decoder_entry=0,
        residual_blocks=0,
    )
    convolutions = 2 * (1 * 16 + 16 * 32 + 32 * 64) * 16 + 1  # one bias: the others stand before a norm
    norms = 2 * (16 + 32 + 64) + 2 * (32 + 16)
    assert sum(parameter.numel() for parameter in mirrored.parameters()) == convolutions + norms + 256 * 64


def test_normalization_is_undone() -> None:
    """A decoder that answers 0 shows the mean image intensity."""
    tokenizer = VQVAE(
        quantizer=IdentityQuantizer(code_dim=4), channels=(4,), input_mean=0.3, input_std=0.2
    ).eval()
    for parameter in tokenizer.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(tokenizer(images()).images, torch.full((2, 1, 32, 16), 0.3))


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="projection"):
        VQVAE(quantizer=NearestQuantizer(code_dim=32), channels=(16, 64), projection=False)
    with pytest.raises(ValueError, match="input_std"):
        VQVAE(quantizer=NearestQuantizer(), input_std=0.0)
    with pytest.raises(ValueError, match="channels"):
        VQVAE(quantizer=NearestQuantizer(), channels=())
