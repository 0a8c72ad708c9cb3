"""The file of a plan: values with their reasons, read after editing."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanvq.planning.choice import table_of
from scanvq.planning.cost_estimate import CostEstimate
from scanvq.planning.dataset_facts import DatasetFacts, PlanRequest
from scanvq.planning.document import Plan, read_plan
from scanvq.planning.rules import decide
from scanvq.recipe.completion import complete_recipe
from scanvq.recipe.reading import read_recipe
from scanvq.spec import SpecError

FACTS = DatasetFacts(height=64, width=48, has_common_size=True, slices=500, labels=2)
ESTIMATE = CostEstimate(minutes=1.5, memory_mb=800.5, disk_mb=12.25)


@pytest.fixture
def plan() -> Plan:
    choices = decide(FACTS, PlanRequest(budget=90))
    recipe = complete_recipe({"name": "planned", "summary": "for a test", **table_of(choices)})
    return Plan(folder="/scans", budget=90.0, seed=3, choices=choices, recipe=recipe, cost_estimate=ESTIMATE)


def test_a_plan_reads_back_equal(plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(plan.toml())
    again = read_plan(file)
    assert (again.folder, again.budget, again.seed, again.cost_estimate) == ("/scans", 90.0, 3, ESTIMATE)
    assert again.recipe.sections == plan.recipe.sections


def test_every_value_has_its_reason_as_a_comment(plan: Plan) -> None:
    lines = plan.toml().splitlines()
    for choice in plan.choices:
        name = choice.key.split(".")[-1]
        assert any(
            line.startswith(f"{name} = ") and line.endswith(f"# {choice.basis}: {choice.reason}")
            for line in lines
        ), choice


def test_an_edited_value_is_used(plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(plan.toml().replace("codebook_size = 512", "codebook_size = 64"))
    assert read_plan(file).recipe.tokenizer["quantizer"]["codebook_size"] == 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("channels = ", "chanels = "), "Did you mean channels"),
        (("[plan]", "[plans]"), "plans is not a section"),
        (("seed = 3", "sead = 3"), "needs a table .plan. with folder, budget and seed"),
        (("[plan]", "[plan"), "not valid TOML"),
        (
            ("[plan.cost_estimate]", "[plan.promise]"),
            r"plan\.promise does not exist\. Did you mean cost_estimate",
        ),
    ],
)
def test_an_invalid_plan_raises(plan: Plan, tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(plan.toml().replace(*change))
    with pytest.raises(SpecError, match=message):
        read_plan(file)


COST = "[plan.cost_estimate]\n"


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        ("seed = ", 'seed = "x" # ', "plan.seed is 'x'; it must be a number"),
        ("budget = ", "budget = true # ", "plan.budget is True"),
        ("budget = ", "budget = -1 # ", "plan.budget is -1"),
        ("[plan]", f"{COST}minutes = 'x'\nmemory_mb = 1\ndisk_mb = 1\n[plan]", "minutes is 'x'"),
        ("[plan]", f"{COST}minutes = 1\n[plan]", "must be a table of minutes, memory_mb, disk_mb"),
    ],
)  # fmt: skip
def test_numbers_of_an_edited_plan_are_checked_when_it_is_read(
    old: str, new: str, reported: str, tmp_path: Path
) -> None:
    recipe = read_recipe("tiny").toml()
    text = recipe + '\n[plan]\nfolder = "x"\nbudget = 60\nseed = 1\n'
    file = tmp_path / "plan.toml"
    file.write_text(text)
    assert read_plan(file).budget == 60
    file.write_text(text.replace(old, new))
    with pytest.raises(SpecError, match=reported):
        read_plan(file)
