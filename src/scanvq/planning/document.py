"""A plan as an editable TOML file: a recipe in which each decided value says why it is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Table

from scanvq.cohort.survey import Survey
from scanvq.planning.choice import Choice, table_of
from scanvq.planning.cost_estimate import CostEstimate
from scanvq.recipe.reading import read_recipe
from scanvq.recipe.recipe import Recipe
from scanvq.spec import SpecError

HEADER = (
    "A plan of ScanVQ. Change any value, then: scanvq fit --plan THIS_FILE",
    "Each comment says whether a value is fixed for all data, follows from a rule, or was measured, and why.",
    "What is not named here is its part's default; `scanvq recipes show THIS_FILE` shows everything.",
)
NOTES = {
    "plan.budget": "seconds for tokenizer, codes and prior together",
    "plan.cost_estimate.minutes": "from the first file to the scores, measured by a dry run on a few scans",
    "plan.cost_estimate.memory_mb": "the most that the process holds",
    "plan.cost_estimate.disk_mb": "the run, less its report, and the prepared scans",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be trained, on what, for how long, and what that is expected to cost.

    Attributes:
        folder: the scans.
        budget: seconds for tokenizer, codes and prior.
        seed: of splits, weights and order.
        choices: the settings that were decided; empty for a plan read from a file.
        text: of the file that it was read from, with its comments; empty for a new plan.
        recipe: completed.
        cost_estimate: what the run will cost.
        survey: what was looked at for it; None for a plan read from a file.
    """

    folder: str
    budget: float
    seed: int
    choices: tuple[Choice, ...] = ()
    text: str = ""
    recipe: Recipe
    cost_estimate: CostEstimate | None = None
    survey: Survey | None = field(default=None, repr=False, compare=False)

    def toml(self) -> str:
        """The plan with its reasons, which `read_plan` reads back."""
        if self.text:
            return self.text
        document = tomlkit.document()
        for line in HEADER:
            document.add(tomlkit.comment(line))
        document.add("name", self.recipe.about["name"])
        document.add("summary", self.recipe.about["summary"])
        about: dict[str, Any] = {"folder": self.folder, "budget": self.budget, "seed": self.seed}
        if self.cost_estimate is not None:
            about["cost_estimate"] = asdict(self.cost_estimate)
        document.add("plan", _table(about, NOTES, where="plan"))
        why = {choice.key: f"{choice.basis}: {choice.reason}" for choice in self.choices}
        for name, section in table_of(self.choices).items():
            document.add(name, _table(section, why, where=name))
        return tomlkit.dumps(document)


def read_plan(file: Path) -> Plan:
    """A plan from its file, its values perhaps changed by hand.

    Raises:
        SpecError: no such file, no plan, or a setting that cannot be.
    """
    recipe = read_recipe(file)
    about = recipe.about.get("plan")
    if not isinstance(about, Mapping) or not {"folder", "budget", "seed"} <= set(about):
        raise SpecError(f"{file} is no plan: it needs a table [plan] with folder, budget and seed.")
    cost_estimate = about.get("cost_estimate")
    return Plan(
        folder=str(about["folder"]),
        budget=float(about["budget"]),
        seed=int(about["seed"]),
        text=file.read_text(encoding="utf-8"),
        recipe=recipe,
        cost_estimate=None if cost_estimate is None else CostEstimate(**cost_estimate),
    )


def _table(values: Mapping[str, Any], why: Mapping[str, str], *, where: str = "") -> Table:
    """Plain values first, each with its comment, then the tables inside."""
    table = tomlkit.table()
    for key, value in values.items():
        if not isinstance(value, Mapping):
            item = tomlkit.item(value)
            if comment := why.get(f"{where}.{key}"):
                item.comment(comment)
            table.add(key, item)
    for key, value in values.items():
        if isinstance(value, Mapping):
            table.add(key, _table(value, why, where=f"{where}.{key}"))
    return table
