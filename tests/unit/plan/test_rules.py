"""The rules give a recipe that can be built, for any data set; and each value says why."""

from __future__ import annotations

import itertools

import pytest

from scanvq.build import make_prior, make_tokenizer
from scanvq.data.geometry import decide_geometry
from scanvq.plan.choice import table_of
from scanvq.plan.facts import Detail, Facts, Wish
from scanvq.plan.rules import LARGEST, LONG, decide
from scanvq.recipe import Recipe, complete_recipe

SIZES = [(28, 28), (157, 189), (256, 128), (384, 384), (1024, 700), (2000, 2000)]


def facts(size: tuple[int, int], *, slices: int = 1000, uniform: bool = True) -> Facts:
    return Facts(height=size[0], width=size[1], uniform=uniform, slices=slices, labels=0)


def planned(facts: Facts, wish: Wish) -> Recipe:
    return complete_recipe({"name": "planned", **table_of(decide(facts, wish))})


@pytest.mark.parametrize(("size", "detail"), list(itertools.product(SIZES, ["fine", "coarse"])))
@pytest.mark.parametrize("slices", [3, 60, 100_000])
def test_every_plan_can_be_built(size: tuple[int, int], detail: Detail, slices: int) -> None:
    recipe = planned(facts(size, slices=slices), Wish(budget=60, detail=detail))
    tokenizer = make_tokenizer(recipe.tokenizer)
    geometry = decide_geometry(
        {size: slices},
        size=recipe.preparation.size,
        fit=recipe.preparation.fit,
        multiple=tokenizer.multiple,
    )
    assert max(geometry.height, geometry.width) <= max(LARGEST, 0) + tokenizer.multiple
    shapes = tokenizer.code_shapes(geometry.height, geometry.width)
    make_prior(recipe.prior, codebook_sizes=tokenizer.codebook_sizes, code_shapes=shapes, classes=0)
    assert tokenizer.multiple == {"fine": 4, "coarse": 8}[detail]
    assert 1 <= recipe.stage("tokenizer").batch_size <= max(1, slices)


def test_every_choice_has_a_reason_and_its_own_place() -> None:
    choices = decide(facts((256, 256)), Wish(budget=60))
    assert all(choice.reason for choice in choices)
    assert len({choice.key for choice in choices}) == len(choices)


def test_large_pictures_are_scaled_and_small_ones_are_not() -> None:
    assert planned(facts((189, 157)), Wish(budget=60)).preparation.size == "native"
    large = planned(facts((2000, 1000)), Wish(budget=60)).preparation
    assert (large.size, large.fit) == ((512, 256), "resize")


def test_few_slices_ask_for_dropout() -> None:
    few, many = (planned(facts((64, 64), slices=n), Wish(budget=60)).prior["dropout"] for n in (500, 50_000))
    assert few > 0 == many


def test_a_gpu_takes_larger_batches() -> None:
    cpu, gpu = (planned(facts((256, 256)), Wish(budget=60, cuda=cuda)) for cuda in (False, True))
    for stage in ("tokenizer", "prior"):
        assert gpu.stage(stage).batch_size > cpu.stage(stage).batch_size


def test_a_long_budget_or_a_gpu_makes_the_network_wide() -> None:
    narrow, long, gpu = (
        planned(facts((256, 256)), wish).tokenizer["channels"]
        for wish in (Wish(budget=LONG - 1), Wish(budget=LONG), Wish(budget=60, cuda=True))
    )
    assert long == gpu == [2 * width for width in narrow]
