from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.sampling.raster import sample_raster
from scanvq.types import UNKNOWN, Codes, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))

SIZE = 11


def small(**changes: Any) -> GatedPixelCNN:
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "channels": 12,
        "embedding_dim": 6,
        "dilations": (1, 2, 1),
        "codebook_size": SIZE,
    }
    prior = GatedPixelCNN(**settings | changes).eval()
    if prior.mirror_stem is not None:  # zero at the start
        nn.init.normal_(prior.mirror_stem.taps.weight, std=0.3)
        nn.init.normal_(prior.vertical_stem.taps.weight, std=0.3)
    for parameter in prior.parameters():  # sharper than at the start, so that a wrong logit changes codes
        parameter.data *= 2
    return prior


def regions(batch: int, height: int, width: int) -> dict[str, torch.Tensor]:
    """Where codes are unknown, (B, h, w)."""
    nothing = torch.zeros(batch, height, width, dtype=torch.bool)
    lower, right, box = nothing.clone(), nothing.clone(), nothing.clone()
    lower[:, height // 2 :] = True
    right[:, :, width // 2 :] = True
    box[:, height // 3 : -1, width // 3 : -1] = True
    scattered = torch.rand(nothing.shape, generator=torch.Generator().manual_seed(2)) < 0.3
    last = nothing.clone()
    last[0, -1, -1] = True
    return {"all": ~nothing, "lower": lower, "right": right, "box": box, "scattered": scattered, "last": last}


def assert_cached_equals_plain(
    prior: GatedPixelCNN,
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


@pytest.mark.parametrize("region", ["all", "lower", "right", "box", "scattered", "last"])
@pytest.mark.parametrize("shape", [(2, 9, 7), (1, 6, 12)])
def test_cached_equals_plain_in_any_region(region: str, shape: tuple[int, int, int]) -> None:
    assert_cached_equals_plain(small(), regions(*shape)[region])


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 6), (2, 6, 1), (2, 3, 3)])
def test_cached_equals_plain_on_grids_smaller_than_the_dilations(shape: tuple[int, int, int]) -> None:
    assert_cached_equals_plain(small(dilations=(4, 1, 3)), torch.ones(shape, dtype=torch.bool))


@pytest.mark.parametrize("dilations", [(1,), (2, 1), (1, 2, 1, 4, 1, 2, 1)])
def test_cached_equals_plain_for_any_dilations(dilations: tuple[int, ...]) -> None:
    prior = small(dilations=dilations)
    for region in ("all", "scattered"):
        assert_cached_equals_plain(prior, regions(2, 16, 10)[region])


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


@pytest.mark.parametrize("region", ["all", "right", "scattered"])
@pytest.mark.parametrize("shape", [(2, 6, 9), (2, 6, 8), (1, 3, 2), (1, 3, 1)])
def test_cached_equals_plain_with_mirror_images(region: str, shape: tuple[int, int, int]) -> None:
    assert_cached_equals_plain(small(mirror=True), regions(*shape)[region])


def test_a_mirrored_cell_counts_however_far_it_is() -> None:
    codes = torch.zeros(1, 3, 40, dtype=torch.int64)

    def counts(prior: GatedPixelCNN, *, at: tuple[int, int], of: tuple[int, int]) -> bool:
        changed = codes.clone()
        changed[0, of[0], of[1]] = 1
        with torch.no_grad():
            difference = prior.logits(changed) - prior.logits(codes)
        return bool(difference[0, :, at[0], at[1]].any())

    mirror, plain = small(dilations=(1,), mirror=True), small(dilations=(1,))
    assert counts(mirror, at=(2, 36), of=(2, 3))
    assert counts(mirror, at=(2, 3), of=(1, 36))
    assert not counts(plain, at=(2, 36), of=(2, 3))
    assert not counts(mirror, at=(2, 3), of=(2, 36))


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(temperature=0),
        SamplingParams(temperature=0.7),
        SamplingParams(top_k=3),
        SamplingParams(top_p=0.8),
        SamplingParams(top_k=5, top_p=0.5),
    ],
)
def test_cached_equals_plain_for_all_sampling_parameters(params: SamplingParams) -> None:
    assert_cached_equals_plain(small(), regions(2, 8, 8)["all"], params=params)


def test_the_default_network_sees_thirteen_rows_and_columns() -> None:
    prior = small(dilations=(1, 2, 1, 4, 1, 2, 1)).double()
    codes = torch.zeros(1, 16, 30, dtype=torch.int64)
    seen = torch.zeros(16, 30, dtype=torch.bool)
    with torch.no_grad():
        before = prior.logits(codes)[0, :, 15, 14]
        for row, column in [(15, 0), (15, 1), (15, 13), (2, 1), (2, 27), (1, 14), (2, 0), (2, 28)]:
            changed = codes.clone()
            changed[0, row, column] = 1
            seen[row, column] = bool((prior.logits(changed)[0, :, 15, 14] != before).any())
    assert seen.nonzero().tolist() == [[2, 1], [2, 27], [15, 1], [15, 13]]


def test_dropout_acts_in_training_and_never_in_sampling() -> None:
    prior = small(dropout=0.5)
    known = torch.full((2, 5, 5), UNKNOWN)
    calm = prior.sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    codes = torch.zeros(2, 5, 5, dtype=torch.int64)
    prior.train()
    assert not torch.equal(prior.logits(codes), prior.logits(codes))
    noisy = prior.sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    assert torch.equal(calm, noisy)


def test_samples_can_be_saved_by_autograd() -> None:
    prior = small()
    codes = prior.sample(torch.full((1, 4, 4), UNKNOWN), params=SamplingParams())
    prior.logits(codes).sum().backward()
    assert prior.embedding.weight.grad is not None


def test_an_empty_batch_gives_no_samples() -> None:
    assert small().sample(torch.full((0, 4, 4), UNKNOWN), params=SamplingParams()).shape == (0, 4, 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dilations": ()}, "dilations"),
        ({"dilations": (1, 0)}, "dilations"),
        ({"dropout": 1.0}, "dropout"),
        ({"positions": True}, "height"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**settings)


def test_a_grid_of_another_size_than_its_positions_raises() -> None:
    prior = small(positions=True, height=4, width=4)
    with pytest.raises(ValueError, match="4x5"):
        prior.logits(torch.zeros(1, 4, 5, dtype=torch.int64))


def test_a_label_it_does_not_have_raises() -> None:
    known = torch.full((1, 2, 2), UNKNOWN)
    condition = Condition(label=torch.tensor([3]))
    with pytest.raises(ValueError, match="label: not a condition of this prior"):
        small().sample(known, condition=condition, params=SamplingParams())
    with pytest.raises(ValueError, match="0 to 2"):
        small(conditions=LABELS).sample(known, condition=condition, params=SamplingParams())
