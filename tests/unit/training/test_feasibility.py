"""Settings that no memory holds or that the scans cannot have are refused before a scan is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import scanvq
from scanvq.cohort.catalog import CatalogError
from scanvq.recipe.reading import read_recipe, recipe_names
from scanvq.spec import SpecError
from scanvq.store.run_data import survey_data
from scanvq.training import feasibility
from scanvq.training.feasibility import check_feasible

MEMORY = 2**32


def check(scans: Path, *overrides: str, recipe: str = "tiny") -> None:
    completed = read_recipe(recipe, overrides=overrides)
    survey = survey_data(scans, completed.data, completed.preparation, seed=0)
    check_feasible(completed, survey, device=torch.device("cpu"))


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feasibility, "free_memory", lambda: MEMORY)


@pytest.mark.parametrize(
    ("refused", "taken", "told"),
    [
        (
            "tokenizer.channels=[1024, 2048, 4096]",
            "tokenizer.channels=[64, 128]",
            "the tokenizer .* its layers",
        ),
        ("prior.channels=8192", "prior.channels=256", "the prior .* its layers"),
        (
            "training.tokenizer.batch_size=65536",
            "training.tokenizer.batch_size=64",
            "the tokenizer .* its batch",
        ),
        ("training.prior.batch_size=65536", "training.prior.batch_size=64", "the prior .* its batch"),
    ],
)
def test_what_no_memory_holds_is_refused(refused: str, taken: str, told: str, scans: Path) -> None:
    with pytest.raises(SpecError, match=told):
        check(scans, refused)
    check(scans, taken)


def test_conditions_that_the_scans_do_not_have_are_refused(scans: Path) -> None:
    with pytest.raises(CatalogError, match="names age, which"):
        check(scans, "data.conditions=['age']")
    check(scans, "data.conditions=['label']")


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_feasible(name: str, scans: Path) -> None:
    check(scans, recipe=name)


def test_a_refused_run_leaves_no_folder(scans: Path, tmp_path: Path) -> None:
    """Nothing is written, so that the same command works after the setting was corrected."""
    settings = ["prior.channels=8192"]
    with pytest.raises(SpecError, match="training the prior takes at least"):
        scanvq.fit(scans, out=tmp_path / "run", recipe="tiny", overrides=settings, epochs=1, device="cpu")
    assert not (tmp_path / "run").exists()
