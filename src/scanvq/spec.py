"""A part's constructor signature, read as its schema: validated, completed, with near misses named."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

T = TypeVar("T")


class DerivedMark:
    """Marks a constructor argument that comes from the data or another part, never from a recipe."""


Derived = Annotated[T, DerivedMark()]

Share = Annotated[float, Field(ge=0, le=1)]
"""A part of a whole, 0 to 1."""

Tables = Mapping[type, Mapping[str, Callable[..., Any]]]
"""Abstract class -> kind -> concrete class: what `build.py` knows."""

RENAMED = {"label_dropout": "condition_dropout"}
"""Settings of older recipes whose new name a message gives, since no likeness would find it."""


class SpecError(ValueError):
    """A setting that does not exist or cannot have that value. The message is for the user."""


def complete(
    maker: Callable[..., Any], given: Mapping[str, Any], *, where: str, tables: Tables
) -> dict[str, Any]:
    """Checks settings against the maker's signature and fills in its defaults.

    Args:
        maker: a class or function whose keyword-only arguments are the schema.
        given: the settings as read from a file or the command line.
        where: the dotted name of the settings, for messages.
        tables: for arguments that are themselves parts.

    Returns:
        Every setting, in the order of the signature, without the derived ones.

    Raises:
        SpecError: an unknown name, a wrong value, or a required setting left out.
    """
    hints = _settings(maker)
    for name in given:
        if name not in hints:
            raise SpecError(f"{where}.{name} does not exist. {nearest(name, setting_names(maker))}")
        if is_derived(hints[name]):
            raise SpecError(f"{where}.{name} is found out from the data and cannot be set.")
    completed: dict[str, Any] = {}
    signature = inspect.signature(maker)
    plain = {}
    for name in setting_names(maker):
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
    completed.update(_validated(maker, plain, where))
    return {name: completed[name] for name in hints if name in completed}


def complete_part(role: type, given: Any, *, where: str, tables: Tables) -> dict[str, Any]:
    """Completes a table with a `kind`, naming one of the classes that play `role`."""
    if isinstance(given, str):
        given = {"kind": given}
    kinds = tables[role]
    if not isinstance(given, Mapping) or "kind" not in given:
        raise SpecError(f"{where} needs a kind: one of {', '.join(sorted(kinds))}.")
    kind = given["kind"]
    if kind not in kinds:
        raise SpecError(f"{where}.kind is {kind!r}, which is not known. {nearest(str(kind), kinds)}")
    rest = {name: value for name, value in given.items() if name != "kind"}
    return {"kind": kind, **complete(kinds[kind], rest, where=where, tables=tables)}


def make_part(role: type, spec: Mapping[str, Any], *, tables: Tables, **derived: Any) -> Any:
    """Builds a part from its completed spec; `derived` fills the arguments the signature marks so.

    Raises:
        SpecError: a kind that this version does not have.
    """
    if spec["kind"] not in tables[role]:
        raise SpecError(f"{spec['kind']!r} is not known here. {nearest(spec['kind'], tables[role])}")
    maker = tables[role][spec["kind"]]
    hints = _settings(maker)
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
            arguments[name] = [make_part(inner, one, tables=tables, **derived) for one in spec[name]]
        else:
            arguments[name] = make_part(inner, spec[name], tables=tables, **derived)
    return maker(**arguments)


def derived_names(maker: Callable[..., Any]) -> tuple[str, ...]:
    """The arguments of a maker that are filled from the data or another part."""
    return tuple(name for name, hint in _settings(maker).items() if is_derived(hint))


def setting_names(maker: Callable[..., Any]) -> tuple[str, ...]:
    """The arguments of a maker that a recipe may set."""
    return tuple(name for name, hint in _settings(maker).items() if not is_derived(hint))


def nearest(name: str, known: Any) -> str:
    """The end of a message about an unknown name: the likely one meant, or all there are."""
    renamed = RENAMED.get(name)
    match = [renamed] if renamed in known else difflib.get_close_matches(name, list(known), n=1)
    if match:
        return f"Did you mean {match[0]}?"
    return f"There are: {', '.join(sorted(known))}."


def is_derived(hint: Any) -> bool:
    return get_origin(hint) is Annotated and any(isinstance(mark, DerivedMark) for mark in hint.__metadata__)


def part_role(hint: Any, tables: Tables) -> type | None:
    """The abstract class an argument wants, for a part or a list of parts; None for plain values."""
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
        complete_part(role, one, where=f"{where}.{number}", tables=tables) for number, one in enumerate(given)
    ]


@cache
def _settings(maker: Callable[..., Any]) -> dict[str, Any]:
    """Name -> type of every keyword-only argument, in order."""
    function = maker.__init__ if isinstance(maker, type) else maker  # type: ignore[misc]  # the hints of just this class are meant
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(maker).parameters.values()
    return {p.name: hints[p.name] for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


@cache
def _model(maker: Callable[..., Any], names: tuple[str, ...]) -> type[BaseModel]:
    hints = _settings(maker)
    fields: dict[str, Any] = {name: (hints[name], ...) for name in names}
    return create_model("Settings", __config__=ConfigDict(extra="forbid", protected_namespaces=()), **fields)


def _validated(maker: Callable[..., Any], plain: dict[str, Any], where: str) -> dict[str, Any]:
    try:
        model = _model(maker, tuple(plain))(**plain)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([where, *map(str, first["loc"])])
        raise SpecError(
            f"{place} is {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}."
        ) from None
    return {name: _plain(value) for name, value in model.model_dump().items()}


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
