"""Overrides: `--set section.key=value` applied to the tables of a recipe that is not completed yet."""

from __future__ import annotations

import tomllib
from typing import Any

from scanvq.build import TABLES, objective_of_prior
from scanvq.spec import SpecError, setting_names


def apply_override(table: dict[str, Any], override: str) -> None:
    """Sets `a.b.c=value` in a recipe's tables; the value is TOML, or text without quotes.

    Another `prior.kind` is trained by the objective for this kind; a later override may name another one.

    Raises:
        SpecError: the override is not of that form, or a key on its path is a value and not a table.
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
            raise SpecError(f"--set {override!r}: {key} is a value, not a table of settings.")
    if isinstance(inner, list):
        raise SpecError(f"--set {override!r}: name a setting inside entry {keys[-1]}.")
    if keys[-1] == "kind":
        change_kind(inner, value)
    inner[keys[-1]] = value
    if keys == ["prior", "kind"]:
        _use_objective_of(table, value)


def _use_objective_of(table: dict[str, Any], kind: Any) -> None:
    objective = objective_of_prior(str(kind))
    training = table.setdefault("training", {})
    if not objective or not isinstance(training, dict):
        return
    stage = training.setdefault("prior", {})
    if isinstance(stage, dict):
        trained_by = stage.setdefault("objective", {})
        if isinstance(trained_by, dict) and trained_by.get("kind") != objective:
            change_kind(trained_by, objective)
            trained_by["kind"] = objective


def _entry(inner: list[Any], key: str, override: str) -> Any:
    if not key.isdigit() or int(key) >= len(inner):
        raise SpecError(f"--set {override!r}: there are entries 0 to {len(inner) - 1}, not {key}.")
    return inner[int(key)]


def change_kind(table: dict[str, Any], kind: Any) -> None:
    """Removes the settings that a part of another `kind` does not have."""
    constructors = [kinds[kind] for kinds in TABLES.values() if kind in kinds]
    if table.get("kind") == kind or not constructors:
        return
    for key in [key for key in table if key not in setting_names(constructors[0])]:
        del table[key]
