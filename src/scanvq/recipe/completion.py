"""Completes a recipe: checks its tables against the signatures of the parts and fills in the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from scanvq.build import TABLES
from scanvq.recipe.bounds import check_bounds
from scanvq.recipe.recipe import STAGES, Recipe
from scanvq.settings import DataSettings, PreparationSettings, SamplingSettings
from scanvq.spec import SpecError, complete, complete_part, derived_names, did_you_mean
from scanvq.types import CodePrior, Objective, Tokenizer

SECTIONS = ("data", "preparation", "tokenizer", "prior", "training", "sampling")
ABOUT = ("name", "summary", "source", "expect", "plan")


def complete_recipe(table: Mapping[str, Any]) -> Recipe:
    """Checks a recipe's tables against the signatures of their parts and fills in the defaults.

    Raises:
        SpecError: an unknown section, key or value, a number out of bounds, or a missing section; the message
            says what is allowed.
    """
    for key in table:
        if key not in (*SECTIONS, *ABOUT):
            raise SpecError(f"{key} is not a section of a recipe. {did_you_mean(key, (*SECTIONS, *ABOUT))}")
    for needed in ("name", "tokenizer", "prior", "training"):
        if needed not in table:
            raise SpecError(f"the recipe has no {needed}; `scanvq recipes show tiny` shows a complete one.")
    training = dict(table["training"])
    stages = {}
    for stage, settings_type in STAGES.items():
        settings = training.pop(stage, {})
        stages[stage] = complete(settings_type, settings, where=f"training.{stage}", tables=TABLES)
        _check_objective(stage, stages[stage]["objective"]["kind"])
    for key in training:
        raise SpecError(f"training.{key} does not exist. {did_you_mean(key, STAGES)}")
    sections = {
        "data": complete(DataSettings, table.get("data", {}), where="data", tables=TABLES),
        "preparation": complete(
            PreparationSettings, table.get("preparation", {}), where="preparation", tables=TABLES
        ),
        "tokenizer": complete_part(Tokenizer, table["tokenizer"], where="tokenizer", tables=TABLES),
        "prior": complete_part(CodePrior, table["prior"], where="prior", tables=TABLES),
        "training": stages,
        "sampling": complete(SamplingSettings, table.get("sampling", {}), where="sampling", tables=TABLES),
    }
    check_bounds(sections)
    about = {key: deepcopy(table[key]) for key in ABOUT if key in table}
    return Recipe(about=about, sections=sections)


def _check_objective(stage: str, kind: str) -> None:
    allowed = [name for name, objective in TABLES[Objective].items() if stage in derived_names(objective)]
    if kind not in allowed:
        raise SpecError(
            f"training.{stage}.objective.kind is {kind!r}, which does not train a {stage}; "
            f"use {' or '.join(allowed)}."
        )
