"""Reads recipes: TOML by name or file, `extends` followed, overrides applied, completed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from scanvq.recipe.completion import complete_recipe
from scanvq.recipe.overrides import apply_override, change_kind
from scanvq.recipe.recipe import Recipe
from scanvq.spec import SpecError, did_you_mean
from scanvq.storage.regular_file import open_regular


def recipe_names() -> list[str]:
    """The recipes that come with ScanVQ."""
    return sorted(
        path.name.removesuffix(".toml") for path in _recipe_folder().iterdir() if path.name.endswith(".toml")
    )


def recipe_text(name: str) -> str:
    """The TOML text of a recipe that comes with ScanVQ. Raises SpecError for an unknown name."""
    if name not in recipe_names():
        raise SpecError(f"there is no recipe {name!r}. {did_you_mean(name, recipe_names())}")
    return (_recipe_folder() / f"{name}.toml").read_text(encoding="utf-8")


def read_recipe(name_or_file: str | Path, *, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe by name or from a file, applies `section.key=value` overrides, completes it.

    Raises:
        SpecError: an unknown recipe, file, key or value; the message names it and what is allowed.
    """
    table = _read_with_extends(name_or_file, seen=())
    if not overrides:
        return _completed(table, str(name_or_file))
    for override in overrides:
        apply_override(table, override)
    return complete_recipe(table)


def _completed(table: dict[str, Any], label: str) -> Recipe:
    """The recipe of a file; its errors name the file."""
    try:
        return complete_recipe(table)
    except SpecError as error:
        raise SpecError(f"{label}: {error}") from None


def parse_recipe(text: str, *, label: str, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from the TOML text that `Recipe.toml` gives.

    Args:
        text: the TOML.
        label: the name of the text in messages.
        overrides: `section.key=value`, applied before it is completed.

    Raises:
        SpecError: the text is not valid TOML, or an unknown key or value.
    """
    table = _parsed(text, label)
    for override in overrides:
        apply_override(table, override)
    return complete_recipe(table)


def _read_with_extends(name_or_file: str | Path, *, seen: tuple[str, ...]) -> dict[str, Any]:
    text, label = _text_of(name_or_file)
    if label in seen:
        raise SpecError(f"recipes extend each other in a circle: {' -> '.join([*seen, label])}.")
    table = _parsed(text, label)
    parent = table.pop("extends", None)
    if parent is None:
        return table
    if not isinstance(parent, str):
        raise SpecError(f"extends in {label} is {parent!r}; it must be the name or the file of a recipe.")
    if parent.endswith(".toml"):  # relative to the file that extends it
        parent = Path(name_or_file).parent / parent
    return _merged(_read_with_extends(parent, seen=(*seen, label)), table)


def _parsed(text: str, label: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{label} is not valid TOML: {error}.") from None
    except RecursionError:
        raise SpecError(f"{label} is not a recipe: its values are nested too deeply.") from None


def _text_of(name_or_file: str | Path) -> tuple[str, str]:
    path = Path(name_or_file)
    if path.suffix != ".toml":
        return recipe_text(str(name_or_file)), str(name_or_file)
    try:
        with open_regular(path) as file:
            return file.read().decode("utf-8"), str(path)
    except FileNotFoundError:
        raise SpecError(f"there is no recipe file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"the recipe file {path} cannot be read: {error}.") from None


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merges tables key by key; where the kind changes, only settings that the new kind has are kept."""
    merged = dict(base)
    if "kind" in changes:
        change_kind(merged, changes["kind"])
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            merged[key] = _merged(dict(old), value)
        else:
            merged[key] = value
    return merged


def _recipe_folder() -> Traversable:
    return resources.files("scanvq") / "recipes"
