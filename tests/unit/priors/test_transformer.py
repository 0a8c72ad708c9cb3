from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch.nn import functional as F

from scanvq.build import make_prior
from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.objectives.next_code import NextCode
from scanvq.priors.guidance import guided
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.transformer import TransformerPrior
from scanvq.sampling.ordered import sample_ordered
from scanvq.sampling.ordering import OrderName
from scanvq.types import UNKNOWN, Batch, Codes, SamplingParams

LABELS = ConditionSpace.of_labels(("AD", "NC"))

SIZE, HEIGHT, WIDTH = 11, 8, 6


def small(**changes: Any) -> TransformerPrior:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"layers": 2, "channels": 16, "heads": 4, "codebook_size": SIZE}
    prior = TransformerPrior(**settings | {"height": HEIGHT, "width": WIDTH} | changes).eval()
    for parameter in prior.parameters():  # sharper than at the start, so that a wrong logit changes codes
        torch.nn.init.normal_(parameter, std=0.4)
    return prior


def regions(batch: int, height: int = HEIGHT, width: int = WIDTH) -> dict[str, torch.Tensor]:
    """Where codes are unknown, (B, h, w)."""
    nothing = torch.zeros(batch, height, width, dtype=torch.bool)
    lower, right, box, last = nothing.clone(), nothing.clone(), nothing.clone(), nothing.clone()
    lower[:, height // 2 :] = True
    right[:, :, width // 2 :] = True
    box[:, height // 3 : -1, width // 3 : -1] = True
    scattered = torch.rand(nothing.shape, generator=torch.Generator().manual_seed(2)) < 0.3
    last[0, -1, -1] = True
    return {
        "all": ~nothing,
        "lower": lower,
        "right": right,
        "box": box,
        "scattered": scattered,
        "last": last,
        "nothing": nothing,
    }


def assert_cached_equals_plain(
    prior: TransformerPrior,
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
        logits = prior.logits(filled, context=context, condition=condition)
        if params.guidance == 1:
            return logits
        return guided(logits, prior.logits(filled, context=context), params.guidance)

    with torch.no_grad():
        plain = sample_ordered(
            logits_of,
            known,
            ordering=prior.ordering,
            params=params,
            generator=torch.Generator().manual_seed(5),
        )
    cached = prior.sample(
        known, context=context, condition=condition, params=params, generator=torch.Generator().manual_seed(5)
    )
    assert torch.equal(cached, plain)


@pytest.mark.parametrize("region", ["all", "lower", "right", "box", "scattered", "last", "nothing"])
@pytest.mark.parametrize("order", ["raster", "spiral_out", "subsample"])
def test_cached_equals_plain_in_any_region(region: str, order: OrderName) -> None:
    assert_cached_equals_plain(small(order=order), regions(2)[region])


@pytest.mark.parametrize("order", get_args(OrderName))
def test_cached_equals_plain_in_any_order(order: OrderName) -> None:
    for region in ("all", "scattered"):
        assert_cached_equals_plain(small(order=order), regions(1)[region])


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 6), (2, 6, 1), (5, 3, 3)])
@pytest.mark.parametrize("order", ["raster", "spiral_in"])
def test_cached_equals_plain_on_any_grid(shape: tuple[int, int, int], order: OrderName) -> None:
    prior = small(height=shape[1], width=shape[2], order=order)
    assert_cached_equals_plain(prior, torch.ones(shape, dtype=torch.bool))


@pytest.mark.parametrize("settings", [{"layers": 1}, {"layers": 3, "heads": 1}, {"channels": 8, "heads": 8}])
def test_cached_equals_plain_for_any_network(settings: dict[str, Any]) -> None:
    assert_cached_equals_plain(small(**settings), regions(2)["lower"])


@pytest.mark.parametrize("region", ["all", "lower", "scattered"])
@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("order", ["raster", "alternate"])
def test_cached_equals_plain_under_every_condition(region: str, guidance: float, order: OrderName) -> None:
    prior = small(conditions=LABELS, context_sizes=(4,), order=order)
    coarse = torch.randint(4, (3, 4, 3), generator=torch.Generator().manual_seed(8))
    condition = Condition(label=torch.tensor([0, 2, 1]))
    assert_cached_equals_plain(
        prior,
        regions(3)[region],
        context=(coarse,),
        condition=condition,
        params=SamplingParams(guidance=guidance),
    )


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(temperature=0),
        SamplingParams(temperature=0.7),
        SamplingParams(top_k=3),
        SamplingParams(top_p=0.8),
    ],
)
def test_cached_equals_plain_for_every_way_to_draw(params: SamplingParams) -> None:
    assert_cached_equals_plain(small(), regions(2)["all"], params=params)


def test_guidance_of_zero_is_unconditional() -> None:
    prior = small(conditions=LABELS)
    known = torch.full((2, HEIGHT, WIDTH), UNKNOWN)
    condition = Condition(label=torch.tensor([0, 1]))
    unguided = prior.sample(
        known,
        condition=condition,
        params=SamplingParams(guidance=0),
        generator=torch.Generator().manual_seed(0),
    )
    assert torch.equal(
        unguided, prior.sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    )


def two_pictures() -> torch.Tensor:
    return torch.randint(4, (2, 5, 6), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def learned() -> HierarchicalPrior:
    """A prior of two classes of one picture each, drawn in a scattered order."""
    torch.manual_seed(0)
    prior = make_prior(
        {"kind": "transformer", "layers": 2, "channels": 32, "heads": 2, "order": "random"},
        codebook_sizes=(4,),
        code_shapes=((5, 6),),
        conditions=LABELS,
    )
    objective = NextCode(prior=prior, condition_dropout=0.3)
    optimizer = torch.optim.AdamW(prior.parameters(), lr=3e-3)
    labels = torch.arange(16) % 2
    batch = Batch(codes=(two_pictures()[labels],), condition=Condition(label=labels))
    for step in range(150):
        optimizer.zero_grad()
        objective(batch, "prior", step).total.backward()
        optimizer.step()
    return prior.eval()


def test_it_learns_the_distribution(learned: HierarchicalPrior) -> None:
    """There are two pictures, of 60 bits each before; the label tells which."""
    pictures = (two_pictures(),)
    chances = torch.exp2(-learned.bits(pictures))
    assert chances.sum().item() == pytest.approx(1, abs=0.2)
    assert chances.min() > 0.1
    reported = learned.bits(pictures, Condition(label=torch.tensor([0, 1])))
    assert reported.tolist() == pytest.approx([0, 0], abs=0.3)


def test_samples_follow_the_learned_distribution(learned: HierarchicalPrior) -> None:
    labels = torch.tensor([1, 0, 1])
    known = (torch.full((3, 5, 6), UNKNOWN),)
    for params in (SamplingParams(top_p=0.9), SamplingParams(guidance=1.5, top_p=0.9)):
        (sampled,) = learned.sample(known, Condition(label=labels), params=params)
        assert torch.equal(sampled, two_pictures()[labels])


def test_completions_follow_the_learned_distribution(learned: HierarchicalPrior) -> None:
    """Without a label, one known code that the pictures do not share tells which it is."""
    first, second = two_pictures()
    cell = int(learned.priors[0].ordering.cells[0])  # type: ignore[union-attr]
    assert first.view(-1)[cell] != second.view(-1)[cell]
    known = torch.full((1, 5, 6), UNKNOWN)
    known.view(-1)[cell] = second.view(-1)[cell]
    (completed,) = learned.sample((known,), params=SamplingParams(top_p=0.9))
    assert torch.equal(completed[0], second)


def test_initialization_is_that_of_gpt2() -> None:
    prior = TransformerPrior(
        codebook_size=SIZE, height=HEIGHT, width=WIDTH, conditions=LABELS, context_sizes=(3,)
    )
    block = prior.blocks[0]
    assert block.hidden.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.hidden_out.weight.std().item() == pytest.approx(0.02 / 12**0.5, rel=0.05)
    assert not block.queries_keys_values.bias.any()


def test_dropout_acts_in_training_and_never_in_sampling() -> None:
    prior = small(dropout=0.5)
    known = torch.full((2, HEIGHT, WIDTH), UNKNOWN)
    calm = prior.sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    codes = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.int64)
    assert torch.equal(prior.logits(codes), prior.logits(codes))
    prior.train()
    assert not torch.equal(prior.logits(codes), prior.logits(codes))
    assert torch.equal(
        calm, prior.sample(known, params=SamplingParams(), generator=torch.Generator().manual_seed(0))
    )


def test_samples_can_be_saved_by_autograd() -> None:
    prior = small()
    codes = prior.sample(torch.full((1, HEIGHT, WIDTH), UNKNOWN), params=SamplingParams())
    F.cross_entropy(prior.logits(codes), codes).backward()
    assert prior.embedding.weight.grad is not None


def test_an_empty_batch_gives_no_samples() -> None:
    known = torch.full((0, HEIGHT, WIDTH), UNKNOWN)
    assert small().sample(known, params=SamplingParams()).shape == (0, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "layers"),
        ({"heads": 3}, "channels is 16 and heads 3"),
        ({"heads": 0}, "heads"),
        ({"dropout": 1.0}, "dropout"),
        ({"order": "diagonal"}, "order"),
        ({"height": 0}, "0x6"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**settings)


def test_unsupported_samples_are_refused() -> None:
    known = torch.full((1, HEIGHT, WIDTH), UNKNOWN)
    with pytest.raises(ValueError, match="4x5"):
        small().sample(known[:, :4, :5], params=SamplingParams())
    with pytest.raises(ValueError, match="label: not a condition of this prior"):
        small().sample(known, condition=Condition(label=torch.tensor([0])), params=SamplingParams())
    with pytest.raises(ValueError, match="0 to 2"):
        small(conditions=LABELS).sample(
            known, condition=Condition(label=torch.tensor([3])), params=SamplingParams()
        )
    with pytest.raises(ValueError, match="coarser"):
        small(context_sizes=(3,)).sample(known, params=SamplingParams())
