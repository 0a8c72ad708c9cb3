"""Settings that no part can be built from are refused when a recipe is read; their neighbors are taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanvq.recipe.reading import read_recipe, recipe_names
from scanvq.spec import SpecError
from scanvq.training.fit_request import FitRequest
from scanvq.training.training_limit import parse_duration

REFUSED = {
    "tokenizer.quantizer.codebook_size=1000000000000": "tokenizer.quantizer.codebook_size=1024",
    "tokenizer.quantizer.codebook_size=0": "tokenizer.quantizer.codebook_size=2",
    "tokenizer.quantizer.code_dim=1000000": "tokenizer.quantizer.code_dim=256",
    "tokenizer.quantizer.epsilon=-1.0": "tokenizer.quantizer.epsilon=1e-6",
    "tokenizer.quantizer.epsilon=0.0": "tokenizer.quantizer.epsilon=1e-9",
    "tokenizer.quantizer.commitment=-0.5": "tokenizer.quantizer.commitment=0.0",
    "tokenizer.channels=[0]": "tokenizer.channels=[1]",
    "tokenizer.channels=[8, 100000]": "tokenizer.channels=[8, 1024]",
    "tokenizer.image_channels=3": "tokenizer.image_channels=1",
    "tokenizer.residual_blocks=-1": "tokenizer.residual_blocks=0",
    "prior.dilations=[1000000000]": "prior.dilations=[16]",
    "prior.dilations=[0]": "prior.dilations=[1]",
    "training.tokenizer.batch_size=1000000000": "training.tokenizer.batch_size=1024",
    "training.tokenizer.learning_rate=inf": "training.tokenizer.learning_rate=0.1",
    "preparation.size=[1000000, 1000000]": "preparation.size=[1024, 1024]",
    "training.prior.batch_size=true": "training.prior.batch_size=1",
    "training.prior.batch_size=0": "training.prior.batch_size=1",
    "training.prior.learning_rate=1e30": "training.prior.learning_rate=1.0",
    "training.prior.betas=[0.9, 1.0]": "training.prior.betas=[0.9, 0.9999]",
    "training.prior.objective.condition_dropout=true": "training.prior.objective.condition_dropout=1.0",
    "preparation.size=[64]": "preparation.size=[64, 64]",
    "preparation.size=64": "preparation.size='native'",
    "sampling.temperature=1e300": "sampling.temperature=100.0",
    "sampling.temperature=nan": "sampling.temperature=0.0",
}


@pytest.mark.parametrize("override", REFUSED)
def test_impossible_settings_name_their_key(override: str) -> None:
    key = override.partition("=")[0]
    with pytest.raises(SpecError, match=key.replace(".", r"\.")):
        read_recipe("tiny", overrides=[override])
    read_recipe("tiny", overrides=[REFUSED[override]])


def test_products_beyond_any_memory_are_refused() -> None:
    size, dim = "tokenizer.quantizer.codebook_size=1000000", "tokenizer.quantizer.code_dim="
    read_recipe("tiny", overrides=[size, f"{dim}64"])
    with pytest.raises(SpecError, match="their product must be 268435456 or less"):
        read_recipe("tiny", overrides=[size, f"{dim}512"])
    image, batch = "preparation.size=[4096, 4096]", "training.prior.batch_size="
    read_recipe("tiny", overrides=[image, f"{batch}64", "training.tokenizer.batch_size=64"])
    with pytest.raises(SpecError, match="a batch must have 2147483648 pixels or fewer"):
        read_recipe("tiny", overrides=[image, f"{batch}1024", "training.tokenizer.batch_size=64"])


def test_one_stage_needs_a_share_of_the_budget() -> None:
    none = ["training.tokenizer.budget_share=0", "training.prior.budget_share=0"]
    with pytest.raises(SpecError, match="are all 0; give one of them a share above 0"):
        read_recipe("tiny", overrides=none)
    read_recipe("tiny", overrides=none[:1])


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_within_the_bounds(name: str) -> None:
    read_recipe(name)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("a = " + "[" * 100_000, "nested too deeply|not valid TOML"),
        ("extends = 5", "extends in .* is 5; it must be the name or the file of a recipe"),
        ('extends = ["tiny"]', "extends in .*"),
        ("extends = ", "not valid TOML"),
    ],
)
def test_hostile_recipe_files_are_refused_in_one_sentence(text: str, reported: str, tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text(text)
    with pytest.raises(SpecError, match=reported):
        read_recipe(file)
    file.write_text('extends = "tiny"')
    read_recipe(file)


def test_budgets() -> None:
    assert parse_duration("3650d") == FitRequest(folder="x", budget=parse_duration("3650d")).budget
    with pytest.raises(ValueError, match="longer than ten years"):
        parse_duration("10000000000000h")
    for budget in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="the budget is"):
            FitRequest(folder="x", budget=budget)
    with pytest.raises(ValueError, match="epochs is 0"):
        FitRequest(folder="x", epochs=0)
