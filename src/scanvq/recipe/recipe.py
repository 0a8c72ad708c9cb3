"""Recipes: read a short TOML file, follow `extends`, apply overrides, check and complete it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

import tomlkit

from scanvq.build import TABLES
from scanvq.settings import (
    DataSettings,
    PreparationSettings,
    SamplingSettings,
    StageSettings,
    TokenizerStageSettings,
)
from scanvq.spec import SpecError, complete, complete_part, derived_names, did_you_mean, setting_names
from scanvq.types import CodePrior, Objective, Tokenizer

SECTIONS = ("data", "preparation", "tokenizer", "prior", "training", "sampling")
STAGES: Mapping[str, type[StageSettings]] = {"tokenizer": TokenizerStageSettings, "prior": StageSettings}
ABOUT = ("name", "summary", "source", "expect", "plan")
S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A completed recipe: every setting of every part has its value.

    Attributes:
        about: name, summary, `source` (report, paper, what is assumed), `expect` (reported numbers), `plan`.
        sections: the completed settings, as plain tables.
    """

    about: Mapping[str, Any]
    sections: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.about["name"])

    @property
    def data(self) -> DataSettings:
        return _settings(DataSettings, self.sections["data"])

    @property
    def preparation(self) -> PreparationSettings:
        return _settings(PreparationSettings, self.sections["preparation"])

    @property
    def tokenizer(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.sections["tokenizer"]
        return spec

    @property
    def prior(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.sections["prior"]
        return spec

    @property
    def sampling(self) -> SamplingSettings:
        return _settings(SamplingSettings, self.sections["sampling"])

    @overload
    def stage(self, name: Literal["tokenizer"]) -> TokenizerStageSettings: ...

    @overload
    def stage(self, name: str) -> StageSettings: ...

    def stage(self, name: str) -> StageSettings:
        """The settings of the stage `tokenizer` or `prior`."""
        return _settings(STAGES[name], self.sections["training"][name])

    def objective(self, name: str) -> Mapping[str, Any]:
        """The spec of a stage's objective."""
        spec: Mapping[str, Any] = self.sections["training"][name]["objective"]
        return spec

    def toml(self) -> str:
        """The whole recipe as TOML, which `read_recipe` reads back equal."""
        return tomlkit.dumps({**self.about, **self.sections})


def recipe_names() -> list[str]:
    """The recipes that come with ScanVQ."""
    return sorted(
        path.name.removesuffix(".toml") for path in _shelf().iterdir() if path.name.endswith(".toml")
    )


def recipe_text(name: str) -> str:
    """The TOML text of a recipe that comes with ScanVQ. Raises SpecError for an unknown name."""
    if name not in recipe_names():
        raise SpecError(f"there is no recipe {name!r}. {did_you_mean(name, recipe_names())}")
    return (_shelf() / f"{name}.toml").read_text(encoding="utf-8")


def read_recipe(name_or_file: str | Path, *, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe by name or from a file, applies `section.key=value` overrides, completes it.

    Raises:
        SpecError: an unknown recipe, file, key or value; the message names it and what is allowed.
    """
    table = _read_with_extends(name_or_file, seen=())
    for override in overrides:
        apply_override(table, override)
    return complete_recipe(table)


def parse_recipe(text: str, *, label: str) -> Recipe:
    """A recipe from the TOML text that `Recipe.toml` gives. Raises SpecError, naming `label`."""
    return complete_recipe(_parsed(text, label))


def complete_recipe(table: Mapping[str, Any]) -> Recipe:
    """Checks a recipe's tables against the signatures of their parts and fills in the defaults."""
    for key in table:
        if key not in (*SECTIONS, *ABOUT):
            raise SpecError(f"{key} is no section of a recipe. {did_you_mean(key, (*SECTIONS, *ABOUT))}")
    for needed in ("name", "tokenizer", "prior", "training"):
        if needed not in table:
            raise SpecError(f"the recipe has no {needed}; see `scanvq recipes show tiny` for a whole one.")
    training = dict(table["training"])
    stages = {}
    for stage, maker in STAGES.items():
        settings = training.pop(stage, {})
        stages[stage] = complete(maker, settings, where=f"training.{stage}", tables=TABLES)
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
    about = {key: deepcopy(table[key]) for key in ABOUT if key in table}
    return Recipe(about=about, sections=sections)


def _check_objective(stage: str, kind: str) -> None:
    fitting = [name for name, one in TABLES[Objective].items() if stage in derived_names(one)]
    if kind not in fitting:
        raise SpecError(
            f"training.{stage}.objective.kind is {kind!r}, which trains no {stage}; "
            f"use {' or '.join(fitting)}."
        )


def _read_with_extends(name_or_file: str | Path, *, seen: tuple[str, ...]) -> dict[str, Any]:
    text, label = _text_of(name_or_file)
    if label in seen:
        raise SpecError(f"recipes extend each other in a circle: {' -> '.join([*seen, label])}.")
    table = _parsed(text, label)
    parent = table.pop("extends", None)
    if parent is None:
        return table
    if parent.endswith(".toml"):  # beside the file that names it
        parent = Path(name_or_file).parent / parent
    return _merged(_read_with_extends(parent, seen=(*seen, label)), table)


def _parsed(text: str, label: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{label} is not valid TOML: {error}.") from None


def _text_of(name_or_file: str | Path) -> tuple[str, str]:
    path = Path(name_or_file)
    if path.suffix != ".toml":
        return recipe_text(str(name_or_file)), str(name_or_file)
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except FileNotFoundError:
        raise SpecError(f"there is no recipe file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"the recipe file {path} cannot be read: {error}.") from None


def _merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key; where the kind changes, only the settings that the new kind has stay."""
    merged = dict(base)
    if "kind" in over:
        _change_kind(merged, over["kind"])
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            merged[key] = _merged(dict(old), value)
        else:
            merged[key] = value
    return merged


def _change_kind(table: dict[str, Any], kind: Any) -> None:
    makers = [kinds[kind] for kinds in TABLES.values() if kind in kinds]
    if table.get("kind") == kind or not makers:
        return
    for key in [key for key in table if key not in setting_names(makers[0])]:
        del table[key]


def apply_override(table: dict[str, Any], override: str) -> None:
    """Sets `a.b.c=value` in a recipe's tables; the value is TOML, or a plain word.

    Raises:
        SpecError: it is not of that form, or leads through a single value.
    """
    dotted, equals, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise SpecError(f"--set {override!r} is not of the form section.key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    inner: Any = table
    for key in keys[:-1]:
        inner = _entry(inner, key, override) if isinstance(inner, list) else inner.setdefault(key, {})
        if not isinstance(inner, dict | list):
            raise SpecError(f"--set {override!r}: {key} holds one value, not settings.")
    if isinstance(inner, list):
        raise SpecError(f"--set {override!r}: name a setting inside entry {keys[-1]}.")
    if keys[-1] == "kind":
        _change_kind(inner, value)
    inner[keys[-1]] = value


def _entry(inner: list[Any], key: str, override: str) -> Any:
    if not key.isdigit() or int(key) >= len(inner):
        raise SpecError(f"--set {override!r}: there are entries 0 to {len(inner) - 1}, not {key}.")
    return inner[int(key)]


def _settings(maker: type[S], table: Mapping[str, Any]) -> S:
    """A completed table as its settings object; a list becomes a tuple as the signature says."""
    return maker(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def _shelf() -> Any:
    return resources.files("scanvq") / "recipes"
