"""VQ-VAE-2: top-down order, images from the top level only, and its loss."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scanvq.quantizers import IdentityQuantizer, MovingAverageQuantizer, NearestQuantizer
from scanvq.tokenizers import VQVAE2
from scanvq.types import Quantizer


def moving(size: int = 32, dim: int = 8) -> Quantizer:
    return MovingAverageQuantizer(codebook_size=size, code_dim=dim)


def small(levels: int = 2, **settings: float) -> VQVAE2:
    torch.manual_seed(0)
    return VQVAE2(
        quantizers=[moving() for _ in range(levels)],
        channels=(8, 16),
        residual_blocks=1,
        residual_channels=8,
        **settings,  # type: ignore[arg-type]
    )


def pictures(batch: int = 8, seed: int = 0) -> Tensor:
    """Pictures (B, 1, 32, 32), each of a different gray with small squares on it."""
    random = torch.Generator().manual_seed(seed)
    gray = torch.rand(batch, 1, 1, 1, generator=random)
    squares = torch.rand(batch, 1, 16, 16, generator=random).repeat_interleave(2, 2).repeat_interleave(2, 3)
    return 0.7 * gray + 0.3 * squares


def train(tokenizer: VQVAE2, steps: int) -> None:
    optimizer = torch.optim.Adam(tokenizer.parameters(), lr=3e-3)
    for step in range(steps):
        images = pictures(seed=step)
        result = tokenizer(images)
        optimizer.zero_grad()
        error = (result.images - images).square().mean() / tokenizer.input_std**2
        (error + sum(result.losses.values())).backward()
        optimizer.step()


def test_grids_halve_from_each_level_to_the_next_coarser() -> None:
    assert VQVAE2(quantizers=[moving(), moving()]).code_shapes(256, 128) == ((32, 16), (64, 32))
    three = small(levels=3)
    assert three.multiple == 16
    assert three.code_shapes(32, 48) == ((2, 3), (4, 6), (8, 12))
    assert three.codebook_sizes == (32, 32, 32)
    assert three.code_dims == (8, 8, 8)


def test_the_bottom_encoder_depends_on_the_top() -> None:
    """With another top codebook, the same image gets other bottom codes."""
    tokenizer = small()
    train(tokenizer, 3)
    tokenizer.eval()
    top, bottom = tokenizer.encode(pictures())
    quantizer = tokenizer.quantizers[0]
    assert isinstance(quantizer, MovingAverageQuantizer)
    quantizer.codebook.mul_(-3)
    _, other = tokenizer.encode(pictures())
    assert top.shape == (8, 4, 4)
    assert not torch.equal(bottom, other)


def test_all_levels_reach_the_image() -> None:
    tokenizer = small(levels=3)
    train(tokenizer, 3)
    tokenizer.eval()
    codes = tokenizer.encode(pictures())
    whole = tokenizer.decode(codes)
    for level in range(3):
        changed = tuple((grid + 1) % 32 if n == level else grid for n, grid in enumerate(codes))
        assert not torch.allclose(tokenizer.decode(changed), whole)


def test_missing_levels_are_their_mean_vector() -> None:
    tokenizer = small(input_mean=0.4, input_std=0.2)
    train(tokenizer, 4)
    tokenizer.eval()
    top, bottom = tokenizer.encode(pictures())
    top_images = tokenizer.decode_coarsest((top,))
    assert top_images.shape == (8, 1, 32, 32)
    quantizer, mean = tokenizer.quantizers[1], tokenizer.means[0]
    assert isinstance(quantizer, MovingAverageQuantizer)
    quantizer.codebook.copy_(mean.mean.expand(32, -1))  # type: ignore[operator,union-attr]
    torch.testing.assert_close(tokenizer.decode((top, bottom)), top_images)
    assert mean.mean.abs().sum() > 0  # type: ignore[operator,union-attr]


def test_the_mean_vector_is_the_mean_of_the_batches() -> None:
    torch.manual_seed(0)
    book = {"codebook_size": 8, "code_dim": 4}
    tokenizer = VQVAE2(quantizers=[NearestQuantizer(**book), NearestQuantizer(**book)], channels=(4,))
    seen = [tokenizer(pictures(seed=step)).codes[1] for step in range(3)]
    mean = tokenizer.codebooks()[1][torch.stack(seen)].mean((0, 1, 2, 3))
    settled = tokenizer.means[0].mean
    assert isinstance(settled, Tensor)
    torch.testing.assert_close(settled, mean.detach())
    before = settled.clone()
    tokenizer.eval()(pictures(seed=9))
    assert torch.equal(settled, before)


def test_losses_have_the_names_of_their_levels() -> None:
    assert list(small()(pictures()).losses) == ["commitment_0", "commitment_1", "top"]
    assert list(small(top_weight=0.0)(pictures()).losses) == ["commitment_0", "commitment_1"]
    gradient = VQVAE2(quantizers=[NearestQuantizer(), NearestQuantizer()], top_weight=0.0)
    assert list(gradient(pictures()).losses) == ["codebook_0", "commitment_0", "codebook_1", "commitment_1"]


def test_the_top_loss_depends_on_the_top_only() -> None:
    tokenizer = small(top_weight=0.5, input_std=0.5)
    train(tokenizer, 2)
    tokenizer.eval()
    images = pictures()
    result = tokenizer(images)
    top_images = tokenizer.decode_coarsest(result.codes[:1])
    expected = 0.5 * ((top_images - images) / 0.5)[::4].square().mean()
    torch.testing.assert_close(result.losses["top"], expected)


def test_with_the_top_loss_the_top_carries_the_image() -> None:
    seen = {"input_mean": 0.5, "input_std": 0.25}
    with_loss, without = small(top_weight=1.0, **seen), small(top_weight=0.0, **seen)
    errors = []
    for tokenizer in (with_loss, without):
        train(tokenizer, 100)
        tokenizer.eval()
        images = pictures(seed=1000)
        with torch.no_grad():
            top_images = tokenizer.decode_coarsest(tokenizer.encode(images)[:1])
        errors.append(float((top_images - images).square().mean() / images.var()))
    assert errors[0] < 0.9
    assert errors[0] < 0.8 * errors[1]


def test_quantizers_may_differ_from_level_to_level() -> None:
    tokenizer = VQVAE2(quantizers=[moving(16, 4), NearestQuantizer(codebook_size=64, code_dim=12)])
    assert tokenizer.codebook_sizes == (16, 64)
    assert tokenizer.code_dims == (4, 12)
    assert [tuple(book.shape) for book in tokenizer.codebooks()] == [(16, 4), (64, 12)]
    assert tokenizer(pictures()).images.shape == (8, 1, 32, 32)


def test_an_identity_quantizer_gives_an_autoencoder() -> None:
    tokenizer = VQVAE2(quantizers=[IdentityQuantizer(code_dim=4), IdentityQuantizer(code_dim=4)])
    assert tokenizer(pictures()).losses["top"] > 0


def test_invalid_settings() -> None:
    with pytest.raises(ValueError, match="two or more levels"):
        VQVAE2(quantizers=[moving()])
    with pytest.raises(ValueError, match="channels"):
        VQVAE2(quantizers=[moving(), moving()], channels=())
    with pytest.raises(ValueError, match="input_std"):
        small(input_std=0.0)
    with pytest.raises(ValueError, match="top_weight"):
        small(top_weight=-1.0)
    with pytest.raises(ValueError, match="tokenizer has 2"):
        small().decode((torch.zeros(1, 4, 4, dtype=torch.int64),))
    with pytest.raises(ValueError, match="give 1 to 2"):
        small().decode_coarsest(())
