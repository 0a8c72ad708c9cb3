"""The rules give a recipe that builds, for any data set, and a reason for each value."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from scanvq.build import make_prior, make_tokenizer
from scanvq.conditions.space import ConditionSpace
from scanvq.imaging.geometry import Geometry, decide_geometry
from scanvq.planning import rules
from scanvq.planning.choice import table_of
from scanvq.planning.dataset_facts import Box, DatasetFacts, Detail, Goal, PlanRequest
from scanvq.planning.rules import LONG_BUDGET, MAX_SIDE, TEXTURE_BUDGET, crops, decide
from scanvq.recipe.completion import complete_recipe
from scanvq.recipe.recipe import Recipe

SIZES = [(28, 28), (157, 189), (256, 128), (384, 384), (1024, 700), (2000, 2000)]


CENTRAL = Box(top=0.4, bottom=0.6, left=0.4, right=0.6)


def facts(
    size: tuple[int, int], *, slices: int = 1000, box: Box | None = None, nearly_uniform: bool = True
) -> DatasetFacts:
    return DatasetFacts(
        height=size[0],
        width=size[1],
        has_common_size=True,
        slices=slices,
        labels=0,
        box=box,
        nearly_uniform=nearly_uniform,
    )


def planned(facts: DatasetFacts, request: PlanRequest) -> Recipe:
    return complete_recipe({"name": "planned", **table_of(decide(facts, request))})


@pytest.mark.parametrize(("size", "detail"), list(itertools.product(SIZES, ["fine", "coarse"])))
@pytest.mark.parametrize(("slices", "box"), [(3, None), (60, CENTRAL), (100_000, None)])
def test_every_plan_can_be_built(size: tuple[int, int], detail: Detail, slices: int, box: Box | None) -> None:
    recipe = planned(facts(size, slices=slices, box=box), PlanRequest(budget=60, detail=detail))
    tokenizer = make_tokenizer(recipe.tokenizer)
    geometry = decide_geometry(
        {size: slices},
        size=recipe.preparation.size,
        fit=recipe.preparation.fit,
        multiple=tokenizer.multiple,
    )
    assert max(geometry.height, geometry.width) <= MAX_SIDE + tokenizer.multiple
    shapes = tokenizer.code_shapes(geometry.height, geometry.width)
    make_prior(
        recipe.prior, codebook_sizes=tokenizer.codebook_sizes, code_shapes=shapes, conditions=ConditionSpace()
    )
    assert tokenizer.multiple == {"fine": 4, "coarse": 8}[detail]
    assert 1 <= recipe.stage("tokenizer").batch_size <= max(1, slices)


def test_every_choice_has_a_reason_and_a_unique_key() -> None:
    choices = decide(facts((256, 256)), PlanRequest(budget=60))
    assert all(choice.reason for choice in choices)
    assert len({choice.key for choice in choices}) == len(choices)


def test_large_images_are_scaled_and_small_ones_are_not() -> None:
    assert planned(facts((189, 157)), PlanRequest(budget=60)).preparation.size == "native"
    large = planned(facts((2000, 1000)), PlanRequest(budget=60)).preparation
    assert (large.size, large.fit) == ((512, 256), "resize")


def test_large_images_with_central_foreground_are_cropped() -> None:
    choices = {
        choice.key: choice for choice in decide(facts((1000, 500), box=CENTRAL), PlanRequest(budget=60))
    }
    size, fit = choices["preparation.size"], choices["preparation.fit"]
    assert (size.value, fit.value) == ([512, 504], "pad")
    assert "central crop of 1000x500" in size.reason
    assert "no pixel is resampled; 488 rows and 0 columns of border are cut off" in fit.reason
    assert planned(facts((512, 400), box=CENTRAL), PlanRequest(budget=60)).preparation.size == "native"


@pytest.mark.parametrize(
    "changed",
    [
        {"box": None},
        {"nearly_uniform": False},
        {"box": Box(top=0.2, bottom=0.6, left=0.4, right=0.6)},
        {"box": Box(top=0.4, bottom=0.6, left=0.4, right=0.8)},
    ],
)
def test_images_without_central_foreground_are_scaled(changed: dict[str, object]) -> None:
    options: dict[str, object] = {"box": CENTRAL, "nearly_uniform": True, **changed}
    preparation = planned(facts((1000, 1000), **options), PlanRequest(budget=60)).preparation  # type: ignore[arg-type]
    assert (preparation.size, preparation.fit) == ((512, 512), "resize")


@pytest.mark.parametrize("size", [(20, 10), (11, 11), (10, 17), (23, 22), (8, 9), (30, 30)])
def test_images_are_cropped_exactly_if_the_crop_holds_the_foreground(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a limit of 10 pixels and no margin, every box of whole pixels against the crop of `Geometry`."""
    monkeypatch.setattr(rules, "MAX_SIDE", 10)
    monkeypatch.setattr(rules, "MARGIN", 0.0)
    height, width = size
    crop = Geometry(height=min(height, 10), width=min(width, 10))
    found = set()
    for top, left in itertools.product(range(height), range(width)):
        for bottom, right in itertools.product(range(top + 1, height + 1), range(left + 1, width + 1)):
            if (top + bottom + left + right) % 3:  # a third of them is enough
                continue
            slice_ = np.zeros(size, np.uint8)
            slice_[top:bottom, left:right] = 1
            whole = int(crop.apply(slice_).sum()) == int(slice_.sum())
            box = Box(top=top / height, bottom=bottom / height, left=left / width, right=right / width)
            found.add(cropped := crops(facts(size, box=box)))
            assert cropped == (whole and max(size) > 10), box
    assert found == ({True, False} if max(size) > 10 else {False})


def test_the_margin_is_kept() -> None:
    """Of 1000 pixels, 244 to 755 are kept."""
    for top, fits in ((0.295, True), (0.293, False)):
        assert crops(facts((1000, 100), box=Box(top=top, bottom=0.6, left=0, right=1))) is fits
    for bottom, fits in ((0.705, True), (0.707, False)):
        assert crops(facts((1000, 100), box=Box(top=0.4, bottom=bottom, left=0, right=1))) is fits


def test_few_slices_get_dropout() -> None:
    few, many = (
        planned(facts((64, 64), slices=n), PlanRequest(budget=60)).prior["dropout"] for n in (500, 50_000)
    )
    assert few > 0 == many


def test_a_gpu_takes_larger_batches() -> None:
    cpu, gpu = (planned(facts((256, 256)), PlanRequest(budget=60, cuda=cuda)) for cuda in (False, True))
    for stage in ("tokenizer", "prior"):
        assert gpu.stage(stage).batch_size > cpu.stage(stage).batch_size


def test_larger_grids_of_codes_take_smaller_batches() -> None:
    batches = [
        planned(facts((side, side)), PlanRequest(budget=60)).stage("prior").batch_size
        for side in (64, 192, 384)
    ]
    assert batches == sorted(batches, reverse=True)
    assert batches[0] == 16
    assert batches[-1] == 1


def test_a_long_budget_or_a_gpu_gives_a_wide_network() -> None:
    narrow, long, gpu = (
        planned(facts((256, 256)), request).tokenizer["channels"]
        for request in (
            PlanRequest(budget=LONG_BUDGET - 1),
            PlanRequest(budget=LONG_BUDGET),
            PlanRequest(budget=60, cuda=True),
        )
    )
    assert long == gpu == [2 * width for width in narrow]
    priors = [
        planned(facts((256, 256)), request)
        for request in (
            PlanRequest(budget=LONG_BUDGET - 1),
            PlanRequest(budget=LONG_BUDGET),
            PlanRequest(budget=60, cuda=True),
        )
    ]
    short, *wide = (recipe.prior["channels"] for recipe in priors)
    assert short < wide[0] == wide[1]
    short_rate, *wide_rates = (recipe.stage("prior").learning_rate for recipe in priors)
    assert short_rate > wide_rates[0] == wide_rates[1]


def test_the_goal_shares_the_budget() -> None:
    def share(goal: Goal, stage: str) -> float:
        recipe = planned(facts((90, 120)), PlanRequest(budget=300, goal=goal))
        return recipe.stage(stage).budget_share

    assert share("create", "tokenizer") == share("create", "prior")
    assert share("reconstruct", "tokenizer") > 5 * share("reconstruct", "prior")
    assert share("compress", "tokenizer") == share("compress", "prior")


@pytest.mark.parametrize(
    ("slices", "sizes"), [(3, (2, 2)), (36, (3, 2)), (796, (12, 8)), (100_000, (32, 32))]
)
def test_a_pair_of_global_codes_has_some_slices(slices: int, sizes: tuple[int, int]) -> None:
    code = planned(facts((192, 160), slices=slices), PlanRequest(budget=600)).global_code
    assert (code["appearance"], code["layout"]) == sizes


def test_volumes_are_conditional_on_the_slice_position() -> None:
    def conditions(of: DatasetFacts) -> object:
        return {c.key: c.value for c in decide(of, PlanRequest(budget=600))}.get("data.conditions")

    images = facts((90, 120))
    assert conditions(images) is None
    assert conditions(replace(images, has_volumes=True)) == ["slice_position"]
    assert conditions(replace(images, has_volumes=True, labels=2)) == ["label", "slice_position"]


def test_a_natural_decoder_is_planned_where_there_is_time() -> None:
    requests = (
        PlanRequest(budget=TEXTURE_BUDGET - 1),
        PlanRequest(budget=TEXTURE_BUDGET),
        PlanRequest(budget=60, cuda=True),
    )
    recipes = [planned(facts((192, 160)), request) for request in requests]
    assert [recipe.decoder is not None for recipe in recipes] == [False, True, True]
    shares = [recipes[1].stage(stage).budget_share for stage in recipes[1].stages]
    assert shares[-1] / sum(shares) == pytest.approx(0.09, abs=0.01)
