"""Makes a plan: surveys a folder, decides every setting, and estimates the cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from scanvq.build import TABLES
from scanvq.cohort.survey import survey_folder
from scanvq.planning.choice import Choice, table_of
from scanvq.planning.cost_estimate import estimate_cost
from scanvq.planning.dataset_facts import DatasetFacts, Detail, Goal, PlanRequest
from scanvq.planning.document import Plan
from scanvq.planning.rules import decide
from scanvq.recipe.completion import complete_recipe
from scanvq.recipe.overrides import apply_override
from scanvq.settings import DataSettings, PreparationSettings
from scanvq.spec import complete
from scanvq.store.store import BadScans
from scanvq.types import Progress

DEFAULT_BUDGET = 30 * 60.0
NAME = "planned"


def make_plan(
    folder: Path,
    *,
    budget: float | None = None,
    detail: Detail = "fine",
    goal: Goal = "create",
    overrides: Sequence[str] = (),
    seed: int = 0,
    skip_bad: bool = False,
    device: torch.device,
    dry_run: bool = True,
    sample_scores: bool = True,
    progress: Progress | None = None,
) -> Plan:
    """Plans a run on a folder of scans.

    Args:
        folder: the scans.
        budget: seconds for tokenizer, codes and prior; None = 30 minutes.
        detail: "fine" for codes of 4x4 pixels, "coarse" for codes of 8x8.
        goal: what the model is for, see `PlanRequest`.
        overrides: settings given by the user, such as "prior.kind=transformer".
        seed: of the splits.
        skip_bad: leave unreadable files out instead of stopping.
        device: of the run and of the dry run.
        dry_run: whether to estimate the cost by a dry run on a few scans.
        sample_scores: whether the estimate includes the sample scores at the end of `fit`.
        progress: called with the number of headers read and of all files.

    Raises:
        CatalogError: nothing usable in the folder. ValueError: the chosen slices leave none. BadScans: files
            whose header cannot be read, without `skip_bad`.
        SpecError: an invalid override. DryRunError: the dry run failed.
    """
    data = DataSettings(**complete(DataSettings, _given(overrides, "data"), where="data", tables=TABLES))
    spacing = complete(
        PreparationSettings, _given(overrides, "preparation"), where="preparation", tables=TABLES
    )["spacing"]
    survey = survey_folder(
        folder,
        images=data.images,
        subject=data.subject,
        suffix=data.suffix,
        allow_synthetic=data.allow_synthetic,
        plane=data.plane,
        slices=data.slices,
        spacing=None if spacing == "native" else spacing,
        validation=data.validation,
        test=data.test,
        seed=seed,
        progress=progress,
    )
    unreadable = survey.unreadable
    if unreadable and not skip_bad:
        raise BadScans(unreadable, len(survey.catalog.entries))
    facts = DatasetFacts.of(survey)
    request = PlanRequest(
        budget=DEFAULT_BUDGET if budget is None else budget,
        detail=detail,
        goal=goal,
        cuda=device.type == "cuda",
    )
    choices = _with_given(decide(facts, request), overrides)
    about = {
        "name": NAME,
        "summary": f"Planned for {facts.slices_text} training slices of {facts.height}x{facts.width}",
    }
    recipe = complete_recipe({**about, **table_of(choices)})
    estimated = None
    if dry_run:
        estimated = estimate_cost(
            recipe,
            survey,
            budget=request.budget,
            skip_bad=skip_bad,
            sample_scores=sample_scores,
            device=device.type,
        )
    return Plan(
        folder=str(folder.resolve()),
        budget=request.budget,
        seed=seed,
        choices=choices,
        recipe=recipe,
        cost_estimate=estimated,
        survey=survey,
    )


def _given(overrides: Sequence[str], section: str) -> Mapping[str, Any]:
    """The overrides of one section, as a table."""
    table: dict[str, Any] = {}
    for override in overrides:
        if override.startswith(f"{section}."):
            apply_override(table, override)
    found: Mapping[str, Any] = table.get(section, {})
    return found


def _with_given(choices: Sequence[Choice], overrides: Sequence[str]) -> tuple[Choice, ...]:
    """The choices that the overrides do not change, and the overrides as given choices."""
    table = table_of(choices)
    for override in overrides:
        apply_override(table, override)
    kept = [choice for choice in choices if _value(table, choice.key) == choice.value]
    keys = dict.fromkeys(override.partition("=")[0].strip() for override in overrides)
    given = [Choice(key=key, value=_value(table, key), basis="given", reason="by --set") for key in keys]
    return (*(choice for choice in kept if choice.key not in keys), *given)


def _value(table: Mapping[str, Any], key: str) -> Any:
    inner: Any = table
    for name in key.split("."):
        inner = inner.get(name) if isinstance(inner, Mapping) else None
    return inner
