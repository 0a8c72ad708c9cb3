"""Every recipe completes, reads back equal, builds, and trains two shrunken steps."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch

from scanvq.build import make_objective, make_prior, make_tokenizer
from scanvq.conditions.condition import Condition
from scanvq.conditions.space import ConditionSpace
from scanvq.recipe.description import describe_recipe
from scanvq.recipe.reading import read_recipe, recipe_names, recipe_text
from scanvq.settings import StageSettings
from scanvq.training.optimizers import make_optimizer
from scanvq.types import Batch, Objective

every = pytest.mark.parametrize("name", recipe_names())
CLASSES = 2


@every
def test_a_recipe_is_complete_and_names_its_source(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.about["summary"]
    assert recipe.about["source"]["assumed"]
    for stage in ("tokenizer", "prior"):
        assert recipe.stage(stage).epochs > 0


@every
@pytest.mark.parametrize("section", ["data", "preparation", "sampling"])
def test_a_section_has_every_setting_and_the_values_of_the_file(name: str, section: str) -> None:
    recipe = read_recipe(name)
    settings = vars(getattr(recipe, section))
    assert recipe.sections[section].keys() == settings.keys()
    for key, value in tomllib.loads(recipe_text(name)).get(section, {}).items():
        assert settings[key] == (tuple(value) if isinstance(value, list) else value)


@every
def test_the_completed_recipe_reads_back_equal(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    file = tmp_path / "completed.toml"
    file.write_text(recipe.toml(), encoding="utf-8")
    assert read_recipe(file) == recipe


@every
def test_reading_by_file_equals_reading_by_name(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.toml"
    file.write_text(recipe_text(name), encoding="utf-8")
    assert read_recipe(file) == read_recipe(name)


@every
def test_a_recipe_is_described(name: str) -> None:
    lines = describe_recipe(read_recipe(name), classes=CLASSES)
    assert [line.split(":")[0].split(" of ")[0] for line in lines] == ["images", "tokenizer", "prior"]


@every
def test_a_recipe_trains_two_shrunken_steps(name: str) -> None:
    torch.manual_seed(0)
    recipe = read_recipe(name)
    tokenizer = make_tokenizer({**recipe.tokenizer, "input_mean": 0.4, "input_std": 0.3})
    size = max(16, 2 * tokenizer.multiple)  # SSIM needs a window of 11
    images = torch.rand(2, 1, size, size)
    objective = make_objective(recipe.objective("tokenizer"), tokenizer=tokenizer, variance=0.09)
    two_steps(objective, Batch(images=images), recipe.stage("tokenizer"))
    tokenizer.eval()
    with torch.no_grad():
        codes = tokenizer.encode(images)
    prior = make_prior(
        recipe.prior,
        codebook_sizes=tokenizer.codebook_sizes,
        code_shapes=tokenizer.code_shapes(size, size),
        code_dims=tokenizer.code_dims,
        conditions=ConditionSpace.of_labels([str(number) for number in range(CLASSES)]),
    )
    prior.set_codebook(tokenizer.codebooks())
    objective = make_objective(recipe.objective("prior"), prior=prior)
    batch = Batch(codes=codes, condition=Condition(label=torch.tensor([0, 1])))
    two_steps(objective, batch, recipe.stage("prior"))


def two_steps(objective: Objective, batch: Batch, settings: StageSettings) -> None:
    before = {name: value.clone() for name, value in objective.named_parameters()}
    for player, parameters in objective.players.items():
        optimizer = make_optimizer(parameters, settings)
        for step in range(2):
            optimizer.zero_grad()
            losses = objective(batch, player, step)
            losses.total.backward()
            optimizer.step()
            assert torch.isfinite(losses.total)
    assert [name for name, value in objective.named_parameters() if torch.equal(value, before[name])] == []
