"""What every quantizer of the build table promises."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch

from scanvq.build import TABLES
from scanvq.quantizers import IdentityQuantizer, MovingAverageQuantizer, NearestQuantizer
from scanvq.types import Quantizer

SIZE, DIM = 16, 6


def rotating() -> Quantizer:
    return MovingAverageQuantizer(codebook_size=SIZE, code_dim=DIM, gradient="rotation")


WITH_CODEBOOK: dict[str, Callable[[], Quantizer]] = {
    **{
        name: partial(kind, codebook_size=SIZE, code_dim=DIM)
        for name, kind in TABLES[Quantizer].items()
        if kind is not IdentityQuantizer
    },
    "nearest from data": lambda: NearestQuantizer(codebook_size=SIZE, code_dim=DIM, start="data"),
    "moving_average, rotation": rotating,
}
QUANTIZERS = {**WITH_CODEBOOK, "identity": lambda: IdentityQuantizer(code_dim=DIM)}

every = pytest.mark.parametrize("make", QUANTIZERS.values(), ids=QUANTIZERS)
straight = pytest.mark.parametrize("make", [make for make in QUANTIZERS.values() if make is not rotating])
with_codebook = pytest.mark.parametrize("make", WITH_CODEBOOK.values(), ids=WITH_CODEBOOK)


def features(batch: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, DIM, 5, 4, generator=torch.Generator().manual_seed(seed))


def trained(make: Callable[[], Quantizer]) -> Quantizer:
    torch.manual_seed(0)
    quantizer = make()
    for step in range(3):
        quantizer(features(seed=step))
    return quantizer


@every
def test_shapes_and_types(make: Callable[[], Quantizer]) -> None:
    quantizer = make()
    result = quantizer(features())
    assert result.vectors.shape == (3, DIM, 5, 4)
    assert result.codes.shape == (3, 5, 4)
    assert result.codes.dtype == torch.int64
    assert 0 <= result.codes.min() <= result.codes.max() < quantizer.size
    assert quantizer.dim == DIM
    assert all(loss.ndim == 0 and torch.isfinite(loss) for loss in result.losses.values())


@with_codebook
def test_equals_brute_force(make: Callable[[], Quantizer]) -> None:
    quantizer = trained(make).eval()
    given = features(seed=9)
    codebook = quantizer.embed(torch.arange(SIZE).view(1, 1, SIZE))[0, :, 0].T.double()  # (K, D)
    distances = torch.cdist(given.permute(0, 2, 3, 1).reshape(-1, DIM).double(), codebook)
    assert torch.equal(quantizer(given).codes.flatten(), distances.argmin(1))


@with_codebook
def test_embedded_codes_are_the_vectors_exactly(make: Callable[[], Quantizer]) -> None:
    quantizer = trained(make).eval()
    result = quantizer(features(seed=9))
    assert torch.equal(quantizer.embed(result.codes), result.vectors)


@straight
def test_gradient_passes_straight_through(make: Callable[[], Quantizer]) -> None:
    given = features().requires_grad_()
    slope = features(seed=1)
    make()(given).vectors.backward(slope)
    assert given.grad is not None
    assert torch.equal(given.grad, slope)


@with_codebook
def test_commitment_pulls_features_to_their_vectors(make: Callable[[], Quantizer]) -> None:
    given = features().requires_grad_()
    result = make()(given)
    result.losses["commitment"].backward()
    expected = 0.25 * 2 * (given - result.vectors).detach() / given.numel()
    torch.testing.assert_close(given.grad, expected)


@every
def test_every_parameter_gets_a_gradient(make: Callable[[], Quantizer]) -> None:
    quantizer = make()
    total = sum(quantizer(features()).losses.values())
    if list(quantizer.parameters()):
        total.backward()
    assert all(parameter.grad is not None for parameter in quantizer.parameters())


@every
def test_eval_changes_nothing(make: Callable[[], Quantizer]) -> None:
    quantizer = trained(make).eval()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    first, second = quantizer(features(seed=9)), quantizer(features(seed=9))
    assert torch.equal(first.codes, second.codes)
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())


@every
@pytest.mark.parametrize("training", [True, False])
def test_empty_batch(make: Callable[[], Quantizer], training: bool) -> None:
    quantizer = make().train(training)
    for _ in range(2):
        result = quantizer(features(batch=0))
        assert result.vectors.shape == (0, DIM, 5, 4)
        assert result.codes.shape == (0, 5, 4)
        assert all(loss == 0 for loss in result.losses.values())
    assert torch.isfinite(quantizer(features()).vectors).all()
    assert torch.isfinite(quantizer(features(batch=0)).vectors).all()
    assert all(torch.isfinite(value).all() for value in quantizer.state_dict().values())


@every
def test_wrong_width(make: Callable[[], Quantizer]) -> None:
    with pytest.raises(ValueError, match="code_dim"):
        make()(torch.zeros(1, DIM + 1, 5, 4))


@every
def test_bf16_features_are_quantized_in_fp32(make: Callable[[], Quantizer]) -> None:
    quantizer = trained(make).eval()
    given = features(seed=9).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = quantizer(given)
    exact = quantizer(given.float())
    assert low.vectors.dtype == torch.bfloat16
    assert torch.equal(low.codes, exact.codes)
    assert torch.equal(low.vectors, exact.vectors.bfloat16())
    assert all(torch.equal(low.losses[name], exact.losses[name]) for name in exact.losses)


@every
def test_saved_state_resumes_exactly(make: Callable[[], Quantizer]) -> None:
    first, second = trained(make), make()
    second.load_state_dict(first.state_dict())
    for step in range(3, 30):
        assert torch.equal(first(features(seed=step)).codes, second(features(seed=step)).codes)
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


@with_codebook
def test_channels_last_stays_channels_last(make: Callable[[], Quantizer]) -> None:
    given = features().contiguous(memory_format=torch.channels_last)
    assert make()(given).vectors.is_contiguous(memory_format=torch.channels_last)


def test_identity_is_honest() -> None:
    quantizer = IdentityQuantizer(code_dim=DIM)
    result = quantizer(features())
    assert torch.equal(result.vectors, features())
    assert quantizer.size == 1
    assert not result.losses
    with pytest.raises(ValueError, match="cannot be decoded"):
        quantizer.embed(result.codes)
