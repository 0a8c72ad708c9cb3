"""The contract of every prior in the build table on conditions: labels, other categories, and numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from scanvq.build import TABLES
from scanvq.conditions.condition import Condition
from scanvq.conditions.space import CategoryCondition, ConditionSpace, NumberCondition
from scanvq.objectives.adversarial_codes import AdversarialCodes
from scanvq.objectives.masked_codes import MaskedCodes
from scanvq.objectives.next_code import NextCode
from scanvq.priors.gated_pixelcnn import GatedPixelCNN
from scanvq.priors.guidance import guided
from scanvq.priors.hierarchical import HierarchicalPrior
from scanvq.priors.latent_gan import LatentGAN
from scanvq.priors.maskgit import MaskGIT
from scanvq.priors.pixelcnn import PixelCNN
from scanvq.priors.transformer import TransformerPrior
from scanvq.types import UNKNOWN, Batch, CodePrior, LikelihoodPrior, Objective, SamplingParams

SIZE, HEIGHT, WIDTH = 5, 4, 6
GRID = {"codebook_size": SIZE, "height": HEIGHT, "width": WIDTH}
SPACE = ConditionSpace(
    (
        CategoryCondition(name="label", values=("AD", "NC")),
        NumberCondition(name="slice_position", low=0.0, high=1.0, mean=0.5, std=0.3),
        CategoryCondition(name="sex", values=("F", "M")),
        NumberCondition(name="age", low=20.0, high=90.0, mean=60.0, std=10.0),
    )
)


def latent_gan(conditions: ConditionSpace = SPACE) -> LatentGAN:
    prior = LatentGAN(
        noise_dim=8, channels=8, discriminator_channels=8, code_dim=4, conditions=conditions, **GRID
    )
    prior.set_codebook(torch.randn(SIZE, 4))
    for parameter in prior.generator.parameters():  # as if trained, so that noise and conditions matter
        torch.nn.init.normal_(parameter, 0, 0.5)
    return prior


def maskgit(conditions: ConditionSpace = SPACE) -> MaskGIT:
    return MaskGIT(channels=16, layers=1, heads=2, dropout=0.0, conditions=conditions, **GRID)


def transformer(conditions: ConditionSpace = SPACE) -> TransformerPrior:
    return TransformerPrior(channels=16, layers=1, heads=2, conditions=conditions, **GRID)


MAKERS: dict[str, Callable[..., CodePrior]] = {
    "gated_pixelcnn": lambda conditions=SPACE: GatedPixelCNN(
        channels=8, embedding_dim=4, dilations=(1, 2), conditions=conditions, **GRID
    ),
    "latent_gan": latent_gan,
    "maskgit": maskgit,
    "pixelcnn": lambda conditions=SPACE: PixelCNN(channels=8, hidden=8, conditions=conditions, **GRID),
    "transformer": transformer,
}
WITH_GUIDANCE = ("maskgit", "transformer")
WITH_LIKELIHOOD = sorted(name for name in MAKERS if issubclass(TABLES[CodePrior][name], LikelihoodPrior))
WITH_INPAINTING = sorted(name for name in MAKERS if TABLES[CodePrior][name].inpainting_support != "nothing")


@pytest.fixture(params=sorted(MAKERS))
def kind(request: pytest.FixtureRequest) -> str:
    torch.manual_seed(0)
    name: str = request.param
    return name


@pytest.fixture
def prior(kind: str) -> CodePrior:
    return MAKERS[kind]().eval()


def some_codes(batch: int = 3) -> torch.Tensor:
    return torch.randint(SIZE, (batch, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(3))


def somebody(batch: int = 3, **changes: float) -> Condition:
    asked: dict[str, Any] = {"label": 0, "sex": 1, "age": 72.0, "slice_position": 0.4} | changes
    kinds = {"label": torch.int64, "sex": torch.int64}
    return Condition.of(
        {name: torch.full((batch,), value, dtype=kinds.get(name)) for name, value in asked.items()}
    )


def answer(prior: CodePrior, condition: Condition | None, codes: torch.Tensor | None = None) -> torch.Tensor:
    """Logits, or the map of a generator that has none."""
    codes = some_codes() if codes is None else codes
    if isinstance(prior, LatentGAN):
        noise = torch.randn(len(codes), 8, generator=torch.Generator().manual_seed(1))
        maps: torch.Tensor = prior.generator(noise, condition)
        return maps
    logits: torch.Tensor = prior.logits(codes, condition=condition)
    return logits


def test_every_prior_of_the_table_is_here() -> None:
    assert set(MAKERS) == {name for name, made in TABLES[CodePrior].items() if made is not HierarchicalPrior}


@pytest.mark.parametrize("name", SPACE.names)
def test_each_condition_changes_the_output(prior: CodePrior, name: str) -> None:
    other = {"label": 1, "sex": 0, "age": 40.0, "slice_position": 0.9}[name]
    given = answer(prior, somebody())
    assert not torch.allclose(answer(prior, somebody(**{name: other})), given, atol=1e-6)
    assert not torch.allclose(answer(prior, somebody().without(name)), given, atol=1e-6)


def test_absent_values_equal_conditions_that_are_not_named(prior: CodePrior) -> None:
    absent = somebody(label=2, sex=2, age=math.nan, slice_position=math.nan)
    assert torch.equal(answer(prior, absent), answer(prior, None))
    assert torch.equal(answer(prior, Condition()), answer(prior, None))


def test_any_condition_can_be_left_out_of_sampling(prior: CodePrior) -> None:
    known = torch.full((3, HEIGHT, WIDTH), UNKNOWN)
    for count in range(len(SPACE.names) + 1):
        for left_out in itertools.combinations(SPACE.names, count):
            condition = somebody()
            for name in left_out:
                condition = condition.without(name)
            codes = prior.sample(known, condition=condition, params=SamplingParams())
            assert 0 <= int(codes.min()) <= int(codes.max()) < SIZE


def test_a_sample_has_its_own_conditions(prior: CodePrior) -> None:
    ages = torch.tensor([30.0, math.nan, 80.0])
    whole = answer(prior, Condition(numbers={"age": ages}))
    for number in range(3):
        one = answer(prior, Condition(numbers={"age": ages[number].repeat(3)}))
        assert torch.allclose(one[number], whole[number], atol=1e-5)


def test_unknown_conditions_are_refused(prior: CodePrior) -> None:
    known = torch.full((1, HEIGHT, WIDTH), UNKNOWN)
    wrong = Condition(numbers={"weight": torch.tensor([70.0])})
    with pytest.raises(ValueError, match=r"weight: not a condition.*conditions are label \(AD, NC\)"):
        prior.sample(known, condition=wrong, params=SamplingParams())


@pytest.mark.parametrize("kind", WITH_LIKELIHOOD, indirect=True)
def test_cell_by_cell_the_conditions_are_the_same(prior: CodePrior) -> None:
    codes, condition = some_codes(), somebody().without("sex")
    with torch.inference_mode():
        expected = prior.logits(codes, condition=condition).flatten(2)
        stepper = prior.stepper((3, HEIGHT, WIDTH), condition=condition)
        for cell in stepper.cells:
            torch.testing.assert_close(stepper.logits(cell), expected[:, :, cell], atol=1e-5, rtol=1e-5)
            stepper.set(cell, codes.flatten(1)[:, cell])


@pytest.mark.parametrize("kind", WITH_INPAINTING, indirect=True)
def test_a_partly_known_grid_is_completed_under_its_conditions(prior: CodePrior) -> None:
    params, condition = SamplingParams(temperature=0), somebody()
    if isinstance(prior, LikelihoodPrior):
        whole = torch.full((3, HEIGHT, WIDTH), UNKNOWN)
        first = prior.sample(whole, condition=condition, params=params)
        half = first.clone()
        half[:, 2:] = UNKNOWN
        assert torch.equal(prior.sample(half, condition=condition, params=params), first)
    else:
        half = some_codes()
        half[:, 2:] = UNKNOWN
        filled = prior.sample(half, condition=condition, params=params)
        assert torch.equal(filled[:, :2], half[:, :2])


def test_bfloat16_is_near_float32(prior: CodePrior) -> None:
    exact = answer(prior, somebody())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = answer(prior, somebody())
    assert (rough.float() - exact).abs().mean() < 0.05 * exact.abs().mean() + 0.02


@pytest.mark.parametrize("name", WITH_GUIDANCE)
@pytest.mark.parametrize("towards", [("age",), ("label", "age"), None])
def test_guidance_is_towards_the_requested_values(name: str, towards: tuple[str, ...] | None) -> None:
    torch.manual_seed(0)
    prior = MAKERS[name]().eval()
    condition, without = somebody(), somebody()
    for one in SPACE.names if towards is None else towards:
        without = without.without(one)
    params = SamplingParams(temperature=0, guidance=3.0, guided=towards)
    codes, last = some_codes(), some_codes()
    last[:, -1, -1] = UNKNOWN
    with torch.no_grad():
        expected = guided(
            answer(prior, condition, last if name == "maskgit" else codes),
            answer(prior, without, last if name == "maskgit" else codes),
            3.0,
        )
    filled = prior.sample(last, condition=condition, params=params)
    assert torch.equal(filled[:, -1, -1], expected[:, :, -1, -1].argmax(dim=1))


@pytest.mark.parametrize("name", WITH_GUIDANCE)
def test_guidance_towards_nothing_is_refused(name: str) -> None:
    known = torch.full((1, HEIGHT, WIDTH), UNKNOWN)
    for condition, towards in ((None, None), (Condition(), None), (somebody(1), ())):
        params = SamplingParams(guidance=2.0, guided=towards)
        with pytest.raises(ValueError, match=r"no condition is requested; .* label \(AD, NC\), slice"):
            MAKERS[name]().eval().sample(known, condition=condition, params=params)


def objective_of(kind: str, share: float, conditions: ConditionSpace = SPACE) -> Objective:
    prior = HierarchicalPrior(levels=[MAKERS[kind](conditions)])
    if kind == "latent_gan":
        return AdversarialCodes(prior=prior, condition_dropout=share)
    if kind == "maskgit":
        return MaskedCodes(prior=prior, condition_dropout=share)
    return NextCode(prior=prior, condition_dropout=share)


def loss(objective: Objective, condition: Condition) -> float:
    torch.manual_seed(5)
    player = next(iter(objective.players))
    return objective(Batch(codes=(some_codes(8),), condition=condition), player, 0).total.item()


def test_training_updates_every_embedding_and_can_drop_any(kind: str) -> None:
    objective = objective_of(kind, 0.5).train()
    for player, parameters in objective.players.items():
        for step in range(12):
            objective(Batch(codes=(some_codes(8),), condition=somebody(8)), player, step).total.backward()
        own = {id(one) for one in parameters}
        taught = {name: one for name, one in objective.named_parameters() if id(one) in own}
        embedded = [name for name in taught if "numbers." in name or "categories." in name]
        assert embedded
        for name in embedded:
            grad = taught[name].grad
            assert grad is not None, name
            assert grad.abs().sum() > 0, name


def test_with_all_conditions_dropped_none_has_an_effect(kind: str) -> None:
    objective = objective_of(kind, 1.0).train()
    assert loss(objective, somebody(8)) == loss(objective, somebody(8, label=1, age=30.0))
    objective = objective_of(kind, 0.0).train()
    assert loss(objective, somebody(8)) != loss(objective, somebody(8, label=1, age=30.0))
