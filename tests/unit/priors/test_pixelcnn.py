from __future__ import annotations

from typing import Any

import pytest
import torch

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.sampling.raster import sample_raster
from scanvq.types import UNKNOWN, Codes, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))

SIZE = 11


def small(**changes: Any) -> PixelCNN:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"channels": 12, "hidden": 8, "kernel": 5, "codebook_size": SIZE}
    prior = PixelCNN(**settings | changes).eval()
    for parameter in prior.parameters():  # sharper than at the start, so that a wrong logit changes codes
        parameter.data *= 2
    return prior


def regions(batch: int, height: int, width: int) -> dict[str, torch.Tensor]:
    """Where codes are unknown, (B, h, w)."""
    nothing = torch.zeros(batch, height, width, dtype=torch.bool)
    lower, left, right, box = nothing.clone(), nothing.clone(), nothing.clone(), nothing.clone()
    lower[:, height // 2 :] = True
    left[:, :, : width // 2] = True
    right[:, :, width // 2 :] = True
    box[:, height // 3 : -1, width // 3 : -1] = True
    scattered = torch.rand(nothing.shape, generator=torch.Generator().manual_seed(2)) < 0.2
    ends = nothing.clone()
    ends[0, 1, 0] = ends[-1, -1, -1] = True
    return {
        "all": ~nothing,
        "lower": lower,
        "left": left,
        "right": right,
        "box": box,
        "scattered": scattered,
        "ends": ends,
        "nothing": nothing,
    }


def assert_cached_equals_plain(
    prior: PixelCNN,
    hidden: torch.Tensor,
    *,
    params: SamplingParams | None = None,
    context: Codes = (),
    condition: Condition | None = None,
) -> None:
    params = params or SamplingParams()
    codes = torch.randint(SIZE, hidden.shape, generator=torch.Generator().manual_seed(1))
    known = torch.where(hidden, UNKNOWN, codes)

    def logits_of(filled: torch.Tensor) -> torch.Tensor:
        return prior.logits(filled, context=context, condition=condition)

    with torch.no_grad():
        plain = sample_raster(logits_of, known, params=params, generator=torch.Generator().manual_seed(5))
    cached = prior.sample(
        known, context=context, condition=condition, params=params, generator=torch.Generator().manual_seed(5)
    )
    assert torch.equal(cached, plain)


def seen_from(prior: PixelCNN, row: int, column: int, height: int, width: int) -> torch.Tensor:
    """Which cells (h, w) the logits of one cell depend on: those whose one-hot code has a gradient."""
    prior = prior.double()
    lines: list[torch.Tensor] = []

    def keep(module: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        one_hot = torch.nn.functional.one_hot(inputs[0], SIZE).double().requires_grad_()
        lines.append(one_hot)
        convolved: torch.Tensor = prior.first.convolution(one_hot.permute(0, 3, 1, 2))
        return convolved

    hook = prior.first.register_forward_hook(keep)
    prior.logits(torch.zeros(1, height, width, dtype=torch.int64))[0, :, row, column].sum().backward()
    hook.remove()
    gradient = lines[0].grad
    assert gradient is not None
    return gradient[0].abs().sum(dim=-1) > 0


@pytest.mark.parametrize("region", ["all", "lower", "left", "right", "box", "scattered", "ends", "nothing"])
@pytest.mark.parametrize("shape", [(2, 9, 7), (1, 6, 12)])
def test_cached_equals_plain_in_any_region(region: str, shape: tuple[int, int, int]) -> None:
    assert_cached_equals_plain(small(), regions(*shape)[region])


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 6), (2, 6, 1), (2, 3, 3)])
def test_cached_equals_plain_on_grids_smaller_than_the_kernel(shape: tuple[int, int, int]) -> None:
    assert_cached_equals_plain(small(kernel=9), torch.ones(shape, dtype=torch.bool))


@pytest.mark.parametrize(
    "settings",
    [
        {"codes_in": "embedded", "embedding_dim": 6},
        {"blocks": 0},
        {"blocks": 5, "kernel": 3},
        {"head_layers": 0},
        {"kernel": 7},
    ],
)
def test_cached_equals_plain_for_any_network(settings: dict[str, Any]) -> None:
    prior = small(**settings)
    for region in ("all", "lower", "scattered"):
        assert_cached_equals_plain(prior, regions(2, 14, 10)[region])


@pytest.mark.parametrize("region", ["all", "lower", "scattered"])
@pytest.mark.parametrize("label", [None, [0, 2]])
def test_cached_equals_plain_under_every_condition(region: str, label: list[int] | None) -> None:
    prior = small(conditions=LABELS, context_sizes=(4,), positions=True, height=8, width=6)
    coarse = torch.randint(4, (2, 4, 3), generator=torch.Generator().manual_seed(8))
    condition = None if label is None else Condition(label=torch.tensor(label))
    hidden = regions(2, 8, 6)[region]
    assert_cached_equals_plain(prior, hidden, context=(coarse,), condition=condition)


@pytest.mark.parametrize(
    "settings",
    [{"positions": True, "height": 8, "width": 6}, {"conditions": LABELS}],
    ids=["positions only", "labels only"],
)
def test_cached_equals_plain_under_one_condition(settings: dict[str, Any]) -> None:
    assert_cached_equals_plain(small(**settings), regions(3, 8, 6)["lower"])


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(temperature=0),
        SamplingParams(temperature=0.7),
        SamplingParams(top_k=3),
        SamplingParams(top_p=0.8),
    ],
)
def test_cached_equals_plain_for_all_sampling_parameters(params: SamplingParams) -> None:
    assert_cached_equals_plain(small(), regions(2, 8, 8)["all"], params=params)


def test_the_default_network_sees_five_rows_up_and_five_columns_to_the_left() -> None:
    seen = seen_from(PixelCNN(codebook_size=SIZE), 8, 10, 10, 21)
    rows, columns = seen.nonzero().unbind(1)
    assert rows.unique().tolist() == [3, 4, 5, 6, 7, 8]
    assert columns.min() == 5
    assert seen[8].nonzero().flatten().tolist() == [5, 6, 7, 8, 9]


def test_the_blind_spot() -> None:
    """Cells above and to the right that come before, within the rows and columns seen, but are not seen."""
    seen = seen_from(PixelCNN(codebook_size=SIZE), 8, 10, 10, 21)
    furthest = [int(seen[8 - up].nonzero().max()) - 10 for up in range(1, 6)]
    assert furthest == [3, 4, 5, 5, 5]


def test_the_first_layer_keeps_a_cells_own_code_from_it_and_the_next_do_not() -> None:
    prior = small(blocks=0)
    assert not seen_from(prior, 4, 4, 9, 9)[4, 4]
    features = torch.zeros(1, 12, 5, 5, requires_grad=True)
    small().residual_blocks[0].masked(features)[0, :, 2, 2].sum().backward()
    assert features.grad is not None
    places = (features.grad.abs().sum(dim=(0, 1)) > 0).nonzero().tolist()
    assert places == [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2]]


@pytest.mark.parametrize("codes_in", ["one_hot", "embedded"])
def test_looking_up_is_the_convolution_and_has_its_gradients(codes_in: str) -> None:
    prior = small(codes_in=codes_in).double()
    codes = torch.randint(SIZE, (2, 6, 7))
    weight = torch.randn(2, 12, 6, 7, dtype=torch.float64)
    gradients = []
    for way in (prior.first.look_up, prior.first.convolve):
        prior.zero_grad()
        features = way(codes)
        (features * weight).sum().backward()
        gradients.append([one.grad.clone() for one in prior.first.parameters() if one.grad is not None])
    torch.testing.assert_close(prior.first.look_up(codes), prior.first.convolve(codes))
    torch.testing.assert_close(*gradients)


def test_dropout_acts_in_training_and_never_in_sampling() -> None:
    prior = small(dropout=0.5)
    known = torch.full((2, 5, 5), UNKNOWN)
    calm = prior.sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    codes = torch.zeros(2, 5, 5, dtype=torch.int64)
    assert torch.equal(prior.logits(codes), prior.logits(codes))
    prior.train()
    assert not torch.equal(prior.logits(codes), prior.logits(codes))
    sampled = prior.eval().sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    assert torch.equal(sampled, calm)


def test_samples_can_be_saved_by_autograd() -> None:
    prior = small()
    codes = prior.sample(torch.full((1, 4, 4), UNKNOWN), params=SamplingParams())
    prior.logits(codes).sum().backward()
    assert prior.last.weight.grad is not None


def test_an_empty_batch_gives_no_samples() -> None:
    assert small().sample(torch.full((0, 4, 4), UNKNOWN), params=SamplingParams()).shape == (0, 4, 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": 4}, "kernel"),
        ({"kernel": 1}, "kernel"),
        ({"blocks": -1}, "blocks"),
        ({"codes_in": "embedded", "embedding_dim": 0}, "embedding_dim"),
        ({"dropout": 1.0}, "dropout"),
        ({"positions": True}, "height"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**settings)


def test_a_label_it_does_not_have_raises() -> None:
    known = torch.full((1, 2, 2), UNKNOWN)
    condition = Condition(label=torch.tensor([3]))
    with pytest.raises(ValueError, match="label: not a condition of this prior"):
        small().sample(known, condition=condition, params=SamplingParams())
    with pytest.raises(ValueError, match="0 to 2"):
        small(conditions=LABELS).sample(known, condition=condition, params=SamplingParams())
