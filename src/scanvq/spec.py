"""Settings schema from a constructor signature: validation, defaults, "did you mean" messages."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

T = TypeVar("T")


class DerivedMarker:
    """Marks a constructor argument that is filled from the data or another part, never from a recipe."""


Derived = Annotated[T, DerivedMarker()]

Share = Annotated[float, Field(ge=0, le=1)]
"""A fraction, 0 to 1."""

Tables = Mapping[type, Mapping[str, Callable[..., Any]]]
"""Abstract class -> kind -> concrete class: the build tables of `build.py`."""

RENAMED = {
    "codebook_doctor": "codebook_monitor",
    "critic_channels": "discriminator_channels",
    "label_dropout": "condition_dropout",
    "promise": "cost_estimate",
    "pyramid": "hierarchical",
}
"""Settings and kinds of older recipes, and their new names for messages."""


class SpecError(ValueError):
    """A setting that does not exist or has an invalid value. The message is for the user."""


def complete(
    factory: Callable[..., Any], given: Mapping[str, Any], *, where: str, tables: Tables
) -> dict[str, Any]:
    """Validates settings against the signature of a factory and fills in its defaults.

    Args:
        factory: a class or function whose keyword-only arguments are the schema.
        given: the settings as read from a file or the command line.
        where: the dotted name of the settings, for messages.
        tables: the build tables, for arguments that are themselves parts.

    Returns:
        All settings but the derived ones, in the order of the signature.

    Raises:
        SpecError: an unknown name, an invalid value, or a missing setting without a default.
    """
    if not isinstance(given, Mapping):
        raise SpecError(f"{where} is {given!r}; it must be a table of settings.")
    hints = _settings(factory)
    for name in given:
        if name not in hints:
            raise SpecError(f"{where}.{name} does not exist. {did_you_mean(name, setting_names(factory))}")
        if is_derived(hints[name]):
            raise SpecError(f"{where}.{name} is derived from the data and cannot be set.")
    completed: dict[str, Any] = {}
    signature = inspect.signature(factory)
    plain = {}
    for name in setting_names(factory):
        hint = hints[name]
        role = part_role(hint, tables)
        default = signature.parameters[name].default
        if role is not None:
            completed[name] = _complete_parts(hint, role, given.get(name, default), f"{where}.{name}", tables)
        elif name in given:
            plain[name] = given[name]
        elif default is not inspect.Parameter.empty:
            plain[name] = default
        else:
            raise SpecError(f"{where}.{name} is missing: it has no default, so the recipe must give it.")
    completed.update(_validated(factory, plain, where))
    return {name: completed[name] for name in hints if name in completed}


def complete_part(role: type, given: Any, *, where: str, tables: Tables) -> dict[str, Any]:
    """Completes a table with a `kind`, which names one of the concrete classes of `role`."""
    if isinstance(given, str):
        given = {"kind": given}
    kinds = tables[role]
    if not isinstance(given, Mapping) or "kind" not in given:
        raise SpecError(f"{where} needs a kind: one of {', '.join(sorted(kinds))}.")
    kind = given["kind"]
    if not isinstance(kind, str) or kind not in kinds:
        raise SpecError(f"{where}.kind is {kind!r}, which does not exist. {did_you_mean(str(kind), kinds)}")
    rest = {name: value for name, value in given.items() if name != "kind"}
    return {"kind": kind, **complete(kinds[kind], rest, where=where, tables=tables)}


def make_part(role: type, spec: Mapping[str, Any], *, tables: Tables, **derived: Any) -> Any:
    """Builds a part from its completed spec; `derived` fills the arguments marked as derived.

    Raises:
        SpecError: a kind that does not exist in this version.
    """
    kind = spec["kind"]
    if not isinstance(kind, str) or kind not in tables[role]:
        raise SpecError(f"{kind!r} is not a kind of this version. {did_you_mean(str(kind), tables[role])}")
    factory = tables[role][kind]
    hints = _settings(factory)
    arguments: dict[str, Any] = {}
    for name, hint in hints.items():
        inner = part_role(hint, tables)
        if name in derived and is_derived(hint):
            arguments[name] = derived[name]
        elif name not in spec:
            continue
        elif inner is None:
            arguments[name] = tuple(spec[name]) if isinstance(spec[name], list) else spec[name]
        elif isinstance(spec[name], list):
            arguments[name] = [make_part(inner, part, tables=tables, **derived) for part in spec[name]]
        else:
            arguments[name] = make_part(inner, spec[name], tables=tables, **derived)
    return factory(**arguments)


def derived_names(factory: Callable[..., Any]) -> tuple[str, ...]:
    """The arguments of a factory that are derived from the data or another part."""
    return tuple(name for name, hint in _settings(factory).items() if is_derived(hint))


def setting_names(factory: Callable[..., Any]) -> tuple[str, ...]:
    """The arguments of a factory that a recipe may set."""
    return tuple(name for name, hint in _settings(factory).items() if not is_derived(hint))


def did_you_mean(name: str, known: Any) -> str:
    """The end of a message about an unknown name: the most similar known name, or all known names."""
    renamed = RENAMED.get(name)
    match = [renamed] if renamed in known else difflib.get_close_matches(name, list(known), n=1)
    if match:
        return f"Did you mean {match[0]}?"
    return f"Allowed: {', '.join(sorted(known))}."


def is_derived(hint: Any) -> bool:
    return get_origin(hint) is Annotated and any(
        isinstance(marker, DerivedMarker) for marker in hint.__metadata__
    )


def part_role(hint: Any, tables: Tables) -> type | None:
    """The abstract class of an argument that is a part or a list of parts; None for plain values."""
    if isinstance(hint, type) and hint in tables:
        return hint
    if get_origin(hint) is list and get_args(hint)[0] in tables:
        role: type = get_args(hint)[0]
        return role
    return None


def _complete_parts(hint: Any, role: type, given: Any, where: str, tables: Tables) -> Any:
    if given is inspect.Parameter.empty:
        raise SpecError(f"{where} is missing: give it a kind, one of {', '.join(sorted(tables[role]))}.")
    if get_origin(hint) is not list:
        return complete_part(role, given, where=where, tables=tables)
    if not isinstance(given, list | tuple):
        raise SpecError(f"{where} must be a list of tables, each with a kind.")
    return [
        complete_part(role, part, where=f"{where}.{index}", tables=tables) for index, part in enumerate(given)
    ]


@cache
def _settings(factory: Callable[..., Any]) -> dict[str, Any]:
    """Name -> type of every keyword-only argument, in order."""
    function = inspect.getattr_static(factory, "__init__") if isinstance(factory, type) else factory
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(factory).parameters.values()
    return {p.name: hints[p.name] for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


@cache
def _model(factory: Callable[..., Any], names: tuple[str, ...]) -> type[BaseModel]:
    hints = _settings(factory)
    fields: dict[str, Any] = {name: (hints[name], ...) for name in names}
    return create_model("Settings", __config__=ConfigDict(extra="forbid", protected_namespaces=()), **fields)


def _validated(factory: Callable[..., Any], plain: dict[str, Any], where: str) -> dict[str, Any]:
    for name, value in plain.items():
        if isinstance(value, bool) and not _is_flag(factory, name):
            raise SpecError(
                f"{where}.{name} is {str(value).lower()}: it is no setting that is true or false."
            )
    try:
        model = _model(factory, tuple(plain))(**plain)
    except ValidationError as error:
        first = error.errors()[0]
        choices = [each for each in error.errors() if each["loc"][0] == first["loc"][0]]
        is_choice = len({each["loc"][1:2] for each in choices}) > 1 and "[" in str(first["loc"][1])
        name = ".".join([where, *map(str, first["loc"][:1] if is_choice else first["loc"])])
        messages = [each["msg"] for each in (choices if is_choice else [first])]
        told = ", or ".join(f"{message[0].lower()}{message[1:]}" for message in messages)
        given = plain[str(first["loc"][0])] if is_choice else first["input"]
        raise SpecError(f"{name} is {given!r}: {told}.") from None
    return {name: _plain(value) for name, value in model.model_dump().items()}


def _is_flag(factory: Callable[..., Any], name: str) -> bool:
    """Whether a setting may be true or false."""
    hint = _settings(factory)[name]
    return bool in (hint, *get_args(hint))


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
