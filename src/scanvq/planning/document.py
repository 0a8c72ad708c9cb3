"""A plan as an editable TOML file: a recipe with the reason of each value in a comment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Table

from scanvq.cohort.survey import Survey
from scanvq.notebook.table import html_table
from scanvq.planning.choice import Choice, table_of
from scanvq.planning.cost_estimate import CostEstimate
from scanvq.recipe.reading import read_recipe
from scanvq.recipe.recipe import Recipe
from scanvq.spec import SpecError, did_you_mean

HEADER = (
    "A plan of ScanVQ. Edit any value, then run: scanvq fit --plan THIS_FILE",
    "Each comment gives the basis of a value (fixed for all data, rule, measured, given) and the reason.",
    "All other settings have default values; `scanvq recipes show THIS_FILE` shows all of them.",
)
NOTES = {
    "plan.budget": "seconds for tokenizer, codes and prior together",
    "plan.cost_estimate.minutes": "from the first file to the scores (with those of samples), by a dry run",
    "plan.cost_estimate.memory_mb": "peak memory of the process",
    "plan.cost_estimate.disk_mb": "the run without its report, and the prepared scans",
}

KEYS = ("folder", "budget", "seed", "cost_estimate")


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan:
    """A planned run: recipe, scans, budget and cost estimate.

    Attributes:
        folder: the scans.
        budget: seconds for tokenizer, codes and prior.
        seed: of splits, weights and batches.
        choices: the settings with their reasons; empty for a plan read from a file.
        text: of the file of the plan, with comments; empty for a new plan.
        recipe: completed.
        cost_estimate: None = not estimated.
        survey: of the scans; None for a plan read from a file.
    """

    folder: str
    budget: float
    seed: int
    choices: tuple[Choice, ...] = ()
    text: str = ""
    recipe: Recipe
    cost_estimate: CostEstimate | None = None
    survey: Survey | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        sections = self.recipe.sections
        parts = f"{sections['tokenizer']['kind']}, {sections['prior']['kind']}"
        return f"Plan({self.folder!r}: {parts}, {self.budget / 60:.1f} minutes, seed {self.seed})"

    def _repr_html_(self) -> str:
        rows = [("budget", f"{self.budget / 60:.1f} minutes", NOTES["plan.budget"])]
        if (cost := self.cost_estimate) is not None:
            text = f"{cost.minutes:.1f} minutes, {cost.memory_mb:.0f} MB memory, {cost.disk_mb:.0f} MB disk"
            rows.append(("estimated cost", text, NOTES["plan.cost_estimate.minutes"]))
        rows += [(one.key, str(one.value), f"{one.basis}: {one.reason}") for one in self.choices]
        return html_table(f"Plan for {self.folder}", rows)

    def toml(self) -> str:
        """The plan as TOML with the reasons as comments; `read_plan` reads it."""
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
        reasons = {choice.key: f"{choice.basis}: {choice.reason}" for choice in self.choices}
        for name, section in table_of(self.choices).items():
            document.add(name, _table(section, reasons, where=name))
        return tomlkit.dumps(document)


def read_plan(file: Path) -> Plan:
    """Reads a plan from its file, which may have been edited.

    Raises:
        SpecError: no such file, not a plan, or an invalid setting.
    """
    recipe = read_recipe(file)
    about = recipe.about.get("plan")
    if not isinstance(about, Mapping) or not {"folder", "budget", "seed"} <= set(about):
        raise SpecError(f"{file} is not a plan: it needs a table [plan] with folder, budget and seed.")
    for key in about:
        if key not in KEYS:
            raise SpecError(f"plan.{key} does not exist. {did_you_mean(key, KEYS)}")
    cost_estimate = about.get("cost_estimate")
    return Plan(
        folder=str(about["folder"]),
        budget=_number(file, about, "budget"),
        seed=int(_number(file, about, "seed")),
        text=file.read_text(encoding="utf-8"),
        recipe=recipe,
        cost_estimate=None if cost_estimate is None else _cost_estimate(file, cost_estimate),
    )


def _cost_estimate(file: Path, given: Any) -> CostEstimate:
    names = [field.name for field in fields(CostEstimate)]
    if not isinstance(given, Mapping) or set(given) != set(names):
        raise SpecError(f"{file}: plan.cost_estimate must be a table of {', '.join(names)}.")
    return CostEstimate(**{name: _number(file, given, name, "plan.cost_estimate") for name in names})


def _number(file: Path, table: Mapping[str, Any], name: str, where: str = "plan") -> float:
    value = table[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise SpecError(f"{file}: {where}.{name} is {value!r}; it must be a number, 0 or more.")
    return value


def _table(values: Mapping[str, Any], comments: Mapping[str, str], *, where: str = "") -> Table:
    """Plain values first, each with its comment, then the inner tables."""
    table = tomlkit.table()
    for key, value in values.items():
        if not isinstance(value, Mapping):
            item = tomlkit.item(value)
            if comment := comments.get(f"{where}.{key}"):
                item.comment(comment)
            table.add(key, item)
    for key, value in values.items():
        if isinstance(value, Mapping):
            table.add(key, _table(value, comments, where=f"{where}.{key}"))
    return table
