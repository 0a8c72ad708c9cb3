"""The contract of every quantizer in the build table."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch

from scanvq.build import TABLES
from scanvq.quantizers import IdentityQuantizer, MovingAverageQuantizer, NearestQuantizer
from scanvq.types import Quantizer

SIZE, DIM = 16, 6
Maker = Callable[[], Quantizer]


def of_the_table(kind: Callable[..., Quantizer]) -> Maker:
    """Makes a quantizer with its defaults, of a small codebook where it has one."""
    asked = {"codebook_size": SIZE, "code_dim": DIM}
    settings = {name: asked[name] for name in inspect.signature(kind).parameters if name in asked}
    return lambda: kind(**settings)


def rotating() -> Quantizer:
    return MovingAverageQuantizer(codebook_size=SIZE, code_dim=DIM, gradient="rotation")


QUANTIZERS: dict[str, Maker] = {
    **{name: of_the_table(kind) for name, kind in TABLES[Quantizer].items()},
    "nearest from data": lambda: NearestQuantizer(codebook_size=SIZE, code_dim=DIM, start="data"),
    "moving_average, rotation": rotating,
}
WITH_CODEBOOK = {name: make for name, make in QUANTIZERS.items() if max(make().codebook_sizes) > 1}
OF_ONE_LEVEL = {name: make for name, make in WITH_CODEBOOK.items() if len(make().codebook_sizes) == 1}

every = pytest.mark.parametrize("make", QUANTIZERS.values(), ids=QUANTIZERS)
straight = pytest.mark.parametrize("make", [make for make in QUANTIZERS.values() if make is not rotating])
with_codebook = pytest.mark.parametrize("make", WITH_CODEBOOK.values(), ids=WITH_CODEBOOK)
of_one_level = pytest.mark.parametrize("make", OF_ONE_LEVEL.values(), ids=OF_ONE_LEVEL)


def features(batch: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, DIM, 5, 4, generator=torch.Generator().manual_seed(seed))


def trained(make: Maker) -> Quantizer:
    torch.manual_seed(0)
    quantizer = make()
    for step in range(3):
        quantizer(features(seed=step))
    return quantizer


@every
def test_shapes_and_types(make: Maker) -> None:
    quantizer = make()
    result = quantizer(features())
    assert result.vectors.shape == (3, DIM, 5, 4)
    assert len(result.codes) == len(quantizer.codebook_sizes)
    for codes, size in zip(result.codes, quantizer.codebook_sizes, strict=True):
        assert codes.shape == (3, 5, 4)
        assert codes.dtype == torch.int64
        assert 0 <= codes.min() <= codes.max() < size
    assert tuple(level.codebook_sizes for level in quantizer.levels) == tuple(
        (size,) for size in quantizer.codebook_sizes
    )
    assert quantizer.dim == DIM
    assert all(loss.ndim == 0 and torch.isfinite(loss) for loss in result.losses.values())


@of_one_level
def test_equals_brute_force(make: Maker) -> None:
    quantizer = trained(make).eval()
    given = features(seed=9)
    codebook = quantizer.embed((torch.arange(SIZE).view(1, 1, SIZE),))[0, :, 0].T.double()  # (K, D)
    distances = torch.cdist(given.permute(0, 2, 3, 1).reshape(-1, DIM).double(), codebook)
    assert torch.equal(quantizer(given).codes[0].flatten(), distances.argmin(1))


@with_codebook
def test_embedded_codes_are_the_vectors_exactly(make: Maker) -> None:
    quantizer = trained(make).eval()
    result = quantizer(features(seed=9))
    assert torch.equal(quantizer.embed(result.codes), result.vectors)


@straight
def test_gradient_passes_straight_through(make: Maker) -> None:
    given = features().requires_grad_()
    slope = features(seed=1)
    make()(given).vectors.backward(slope)
    assert given.grad is not None
    assert torch.equal(given.grad, slope)


@of_one_level
def test_commitment_pulls_features_to_their_vectors(make: Maker) -> None:
    given = features().requires_grad_()
    result = make()(given)
    result.losses["commitment"].backward()
    expected = 0.25 * 2 * (given - result.vectors).detach() / given.numel()
    torch.testing.assert_close(given.grad, expected)


@every
def test_every_parameter_gets_a_gradient(make: Maker) -> None:
    quantizer = make()
    total = sum(quantizer(features()).losses.values())
    if list(quantizer.parameters()):
        total.backward()
    assert all(parameter.grad is not None for parameter in quantizer.parameters())


@every
def test_eval_changes_nothing(make: Maker) -> None:
    quantizer = trained(make).eval()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    first, second = quantizer(features(seed=9)), quantizer(features(seed=9))
    assert all(map(torch.equal, first.codes, second.codes))
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())


@every
@pytest.mark.parametrize("training", [True, False])
def test_empty_batch(make: Maker, training: bool) -> None:
    quantizer = make().train(training)
    for _ in range(2):
        result = quantizer(features(batch=0))
        assert result.vectors.shape == (0, DIM, 5, 4)
        assert all(codes.shape == (0, 5, 4) for codes in result.codes)
        assert all(loss == 0 for loss in result.losses.values())
    assert torch.isfinite(quantizer(features()).vectors).all()
    assert torch.isfinite(quantizer(features(batch=0)).vectors).all()
    assert all(torch.isfinite(value).all() for value in quantizer.state_dict().values())


@every
def test_wrong_width(make: Maker) -> None:
    with pytest.raises(ValueError, match="code_dim"):
        make()(torch.zeros(1, DIM + 1, 5, 4))


@every
def test_bf16_features_are_quantized_in_fp32(make: Maker) -> None:
    quantizer = trained(make).eval()
    given = features(seed=9).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = quantizer(given)
    exact = quantizer(given.float())
    assert low.vectors.dtype == torch.bfloat16
    assert all(map(torch.equal, low.codes, exact.codes))
    assert torch.equal(low.vectors, exact.vectors.bfloat16())
    assert all(torch.equal(low.losses[name], exact.losses[name]) for name in exact.losses)


@every
def test_saved_state_resumes_exactly(make: Maker) -> None:
    first, second = trained(make), make()
    second.load_state_dict(first.state_dict())
    for step in range(3, 30):
        pair = [one(features(seed=step)).codes for one in (first, second)]
        assert all(map(torch.equal, *pair))
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


@with_codebook
def test_channels_last_stays_channels_last(make: Maker) -> None:
    given = features().contiguous(memory_format=torch.channels_last)
    assert make()(given).vectors.is_contiguous(memory_format=torch.channels_last)


def test_codes_of_the_identity_quantizer_cannot_be_decoded() -> None:
    quantizer = IdentityQuantizer(code_dim=DIM)
    result = quantizer(features())
    assert torch.equal(result.vectors, features())
    assert quantizer.codebook_sizes == (1,)
    assert not result.losses
    with pytest.raises(ValueError, match="cannot be decoded"):
        quantizer.embed(result.codes)
