"""Writes docs/reference/ from signatures and docstrings: `python docs/make_reference.py`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from scanvq import api
from scanvq.build import TABLES
from scanvq.cli.main import app
from scanvq.settings import (
    DataSettings,
    PreparationSettings,
    SamplingSettings,
    StageSettings,
    TokenizerStageSettings,
)
from scanvq.spec import setting_names

FOLDER = Path(__file__).parent / "reference"
SECTIONS = {
    "data": DataSettings,
    "preparation": PreparationSettings,
    "training.tokenizer": TokenizerStageSettings,
    "training.prior": StageSettings,
    "sampling": SamplingSettings,
}
ROLES = {"Tokenizer": "tokenizer", "Quantizer": "quantizer", "CodePrior": "prior", "Objective": "objective"}


def pages() -> dict[str, str]:
    """File name to text."""
    return {"commands.md": _commands(), "recipes.md": _recipes(), "python.md": _python()}


def _commands() -> str:
    lines = [
        "# Commands",
        "",
        "Exit codes: 0 done, 1 leaks found by `data check`, 2 wrong use or bad input, "
        "130 interrupted (state saved).",
    ]
    root = typer.main.get_command(app)
    for name, command in _leaves(root, "scanvq"):
        lines += ["", f"## {name}", "", inspect.cleandoc(command.help or ""), ""]
        lines += ["| argument | what it is |", "|---|---|"]
        lines += [f"| {_parameter(one)} | {_said(one)} |" for one in command.params if one.name != "help"]
    return "\n".join(lines) + "\n"


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for sub, inner in command.commands.items():
            yield from _leaves(inner, f"{name} {sub}")
    else:
        yield name, command


def _parameter(one: Any) -> str:
    if one.param_type_name == "argument":
        return f"`{one.name.upper()}`"
    return ", ".join(f"`{option}`" for option in one.opts)


def _said(one: Any) -> str:
    said = (getattr(one, "help", None) or "").replace("|", "\\|")
    default = one.default
    shown = default not in (None, (), [], False) and getattr(one, "show_default", True)
    return f"{said} Default: `{getattr(default, 'value', default)}`." if shown else said


def _recipes() -> str:
    lines = ["# Recipe settings", "", "Every setting, read off the signature of what it sets."]
    for section, maker in SECTIONS.items():
        lines += ["", f"## [{section}]", "", _summary(maker), "", *_settings_table(maker)]
    for role, kinds in TABLES.items():
        for kind, maker in kinds.items():
            lines += [
                "",
                f"## {ROLES[role.__name__]} `{kind}`",
                "",
                _summary(maker),
                "",
                *_settings_table(maker),
            ]
    return "\n".join(lines) + "\n"


def _settings_table(maker: Callable[..., Any]) -> list[str]:
    names = setting_names(maker)
    if not names:
        return ["It has no settings."]
    told = _arguments(maker)
    parameters = inspect.signature(maker).parameters
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name in names:
        default = parameters[name].default
        shown = "required" if default is inspect.Parameter.empty else f"`{default!r}`"
        rows.append(f"| `{name}` | {shown} | {told.get(name, '')} |")
    return rows


def _summary(maker: Any) -> str:
    return inspect.cleandoc(maker.__doc__ or "").split("\nArgs:")[0].strip()


def _arguments(maker: Any) -> dict[str, str]:
    """Name to meaning, from the Args part of the class's and the constructor's docstring."""
    found: dict[str, str] = {}
    for text in (maker.__doc__, getattr(maker.__init__, "__doc__", None)):
        block = re.search(r"Args:\n(.*?)(\n\S|\n\n\S|\Z)", inspect.cleandoc(text or ""), re.DOTALL)
        for name, meaning in re.findall(
            r"^ {4}(\w+): (.*?)(?=^ {4}\w+: |\Z)", block[1] if block else "", re.M | re.S
        ):
            found[name] = " ".join(meaning.split())
    return found


def _python() -> str:
    lines = ["# Python", ""]
    for function in (api.fit, api.load):
        lines += [f"## scanvq.{function.__name__}", "", *_code(function, function.__name__), *_doc(function)]
    lines += ["## scanvq.Run", "", *_doc(api.Run)]
    for name, method in inspect.getmembers(api.Run, inspect.isfunction):
        if not name.startswith("_"):
            lines += [f"### Run.{name}", "", *_code(method, name), *_doc(method)]
    return "\n".join(lines)


def _code(function: Any, name: str) -> list[str]:
    return ["```python", f"{name}{inspect.signature(function)}", "```", ""]


def _doc(thing: Any) -> list[str]:
    return ["```text", inspect.cleandoc(thing.__doc__ or ""), "```", ""]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in pages().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
        print(f"wrote {FOLDER / file}")
