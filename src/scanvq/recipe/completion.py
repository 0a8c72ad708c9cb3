"""Completes a recipe: checks its tables against the signatures of the parts and fills in the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from scanvq.build import TABLES
from scanvq.decoders.image_decoder import ImageDecoder
from scanvq.recipe.bounds import check_bounds
from scanvq.recipe.recipe import STAGES, Recipe
from scanvq.settings import DataSettings, GlobalCodeSettings, PreparationSettings, SamplingSettings
from scanvq.spec import SpecError, complete, complete_part, derived_names, did_you_mean
from scanvq.types import CodePrior, Objective, Tokenizer

SECTIONS = ("data", "preparation", "tokenizer", "prior", "global_code", "decoder", "training", "sampling")
NO_DECODER = "none"  # a kind of decoder that leaves the section out
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
    if not isinstance(table["training"], Mapping):
        raise SpecError(f"training is {table['training']!r}; it must be a table of stages.")
    training = dict(table["training"])
    decoder = _decoder(table)
    if decoder is None and "decoder" in table:
        training.pop("decoder", None)
    stages = {}
    for stage, settings_type in STAGES.items():
        if stage == "decoder" and decoder is None:
            continue
        settings = training.pop(stage, {})
        stages[stage] = complete(settings_type, settings, where=f"training.{stage}", tables=TABLES)
        _check_objective(stage, stages[stage]["objective"]["kind"])
    for key in training:
        if key == "decoder":
            raise SpecError('training.decoder needs a decoder to train; set decoder.kind = "natural".')
        raise SpecError(f"training.{key} does not exist. {did_you_mean(key, STAGES)}")
    sections = {
        "data": complete(DataSettings, table.get("data", {}), where="data", tables=TABLES),
        "preparation": complete(
            PreparationSettings, table.get("preparation", {}), where="preparation", tables=TABLES
        ),
        "tokenizer": complete_part(Tokenizer, table["tokenizer"], where="tokenizer", tables=TABLES),
        "prior": complete_part(CodePrior, table["prior"], where="prior", tables=TABLES),
        "global_code": complete(
            GlobalCodeSettings, table.get("global_code", {}), where="global_code", tables=TABLES
        ),
        **({} if decoder is None else {"decoder": decoder}),
        "training": stages,
        "sampling": complete(SamplingSettings, table.get("sampling", {}), where="sampling", tables=TABLES),
    }
    check_bounds(sections)
    about = {key: deepcopy(table[key]) for key in ABOUT if key in table}
    return Recipe(about=about, sections=sections)


def _decoder(table: Mapping[str, Any]) -> dict[str, Any] | None:
    """The completed decoder of created images; None without one."""
    given = table.get("decoder", NO_DECODER)
    kind = given.get("kind") if isinstance(given, Mapping) else given
    if kind == NO_DECODER:
        return None
    if isinstance(kind, str) and kind not in TABLES[ImageDecoder]:
        kinds = (NO_DECODER, *TABLES[ImageDecoder])
        raise SpecError(f"decoder.kind is {kind!r}, which does not exist. {did_you_mean(kind, kinds)}")
    return complete_part(ImageDecoder, given, where="decoder", tables=TABLES)


def _check_objective(stage: str, kind: str) -> None:
    allowed = [name for name, objective in TABLES[Objective].items() if stage in derived_names(objective)]
    if kind not in allowed:
        raise SpecError(
            f"training.{stage}.objective.kind is {kind!r}, which does not train a {stage}; "
            f"use {' or '.join(allowed)}."
        )
