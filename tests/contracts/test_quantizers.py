"""The contract of every quantizer in the build table."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch

from scanvq.build import TABLES
from scanvq.quantizers import (
    FiniteScalarQuantizer,
    IdentityQuantizer,
    MovingAverageQuantizer,
    NearestQuantizer,
)
from scanvq.types import Quantizer

SIZE, DIM = 16, 6
Maker = Callable[[], Quantizer]


def of_the_table(kind: Callable[..., Quantizer]) -> Maker:
    """Makes a quantizer with its defaults, of a small codebook where it has one."""
    asked = {"codebook_size": SIZE, "code_dim": DIM}
    settings = {name: asked[name] for name in inspect.signature(kind).parameters if name in asked}
    return lambda: kind(**settings)


# Entries of the table with a `code_dim` are covered as they are. Any other entry, and further settings of an
# entry, need one line here, under the entry's name or another one: an instance for features of DIM channels.
QUANTIZERS: dict[str, Maker] = {
    **{
        name: of_the_table(kind)
        for name, kind in TABLES[Quantizer].items()
        if "code_dim" in inspect.signature(kind).parameters
    },
    "finite_scalar": lambda: FiniteScalarQuantizer(values=(2, 3, 4, 2, 3, 5)),
    "nearest from data": lambda: NearestQuantizer(codebook_size=SIZE, code_dim=DIM, start="data"),
    "moving_average, rotation": lambda: MovingAverageQuantizer(
        codebook_size=SIZE, code_dim=DIM, gradient="rotation"
    ),
}


def is_nearest_neighbor(quantizer: Quantizer) -> bool:
    """Whether it chooses the nearest vector of one `codebook` (K, D) and has the loss "commitment"."""
    return isinstance(getattr(quantizer, "codebook", None), torch.Tensor) and hasattr(quantizer, "commitment")


def is_straight_through(quantizer: Quantizer) -> bool:
    """Whether all levels are nearest-neighbor codebooks whose `gradient`, if any, is straight through."""
    return all(
        is_nearest_neighbor(level) and getattr(level, "gradient", "straight_through") == "straight_through"
        for level in quantizer.levels
    )


def over(holds: Callable[[Quantizer], bool]) -> pytest.MarkDecorator:
    """Runs a test over those quantizers of which a property holds."""
    chosen = {name: make for name, make in QUANTIZERS.items() if holds(make())}
    return pytest.mark.parametrize("make", chosen.values(), ids=chosen)


every = over(lambda quantizer: True)
with_codebook = over(lambda quantizer: max(quantizer.codebook_sizes) > 1)
nearest_neighbor = over(is_nearest_neighbor)
straight_through = over(is_straight_through)


@pytest.mark.parametrize("name", TABLES[Quantizer])
def test_every_entry_of_the_table_is_covered(name: str) -> None:
    assert name in QUANTIZERS, (
        f"{name} has no setting code_dim, so these tests cannot choose its settings: add a line to "
        f'QUANTIZERS of this file, such as "{name}": lambda: {TABLES[Quantizer][name].__name__}(...), '
        f"for features of {DIM} channels"
    )


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


@nearest_neighbor
def test_equals_brute_force(make: Maker) -> None:
    quantizer = trained(make).eval()
    given = features(seed=9)
    size = quantizer.codebook_sizes[0]
    codebook = quantizer.embed((torch.arange(size).view(1, 1, size),))[0, :, 0].T.double()  # (K, D)
    distances = torch.cdist(given.permute(0, 2, 3, 1).reshape(-1, DIM).double(), codebook)
    assert torch.equal(quantizer(given).codes[0].flatten(), distances.argmin(1))


@with_codebook
def test_embedded_codes_are_the_vectors_exactly(make: Maker) -> None:
    quantizer = trained(make).eval()
    result = quantizer(features(seed=9))
    assert torch.equal(quantizer.embed(result.codes), result.vectors)


@every
def test_gradient_reaches_the_features(make: Maker) -> None:
    given = features().requires_grad_()
    make()(given).vectors.backward(features(seed=1))
    assert given.grad is not None
    assert torch.isfinite(given.grad).all()
    assert (given.grad != 0).any()


@straight_through
def test_gradient_passes_straight_through(make: Maker) -> None:
    given = features().requires_grad_()
    slope = features(seed=1)
    make()(given).vectors.backward(slope)
    assert given.grad is not None
    assert torch.equal(given.grad, slope)


@nearest_neighbor
def test_commitment_pulls_features_to_their_vectors(make: Maker) -> None:
    given = features().requires_grad_()
    quantizer = make()
    result = quantizer(given)
    result.losses["commitment"].backward()
    expected = quantizer.commitment * 2 * (given - result.vectors).detach() / given.numel()
    torch.testing.assert_close(given.grad, expected)


@every
def test_every_parameter_gets_a_gradient(make: Maker) -> None:
    quantizer = make()
    result = quantizer(features().requires_grad_())
    (sum(result.losses.values()) + (result.vectors * features(seed=1)).sum()).backward()
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


@every
def test_channels_last_stays_channels_last(make: Maker) -> None:
    given = features().contiguous(memory_format=torch.channels_last)
    assert make()(given).vectors.is_contiguous(memory_format=torch.channels_last)


def test_codes_of_the_identity_quantizer_cannot_be_decoded() -> None:
    quantizer = IdentityQuantizer(code_dim=DIM)
    given = features().requires_grad_()
    result = quantizer(given)
    result.vectors.backward(features(seed=1))
    assert given.grad is not None
    assert torch.equal(given.grad, features(seed=1))
    assert torch.equal(result.vectors, features())
    assert quantizer.codebook_sizes == (1,)
    assert not result.losses
    with pytest.raises(ValueError, match="cannot be decoded"):
        quantizer.embed(result.codes)
