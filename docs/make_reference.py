"""Generates docs/reference/ from signatures and docstrings: `python docs/make_reference.py`."""

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
    DecoderStageSettings,
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
    "training.decoder": DecoderStageSettings,
    "sampling": SamplingSettings,
}
ROLES = {
    "Tokenizer": "tokenizer",
    "Quantizer": "quantizer",
    "CodePrior": "prior",
    "ImageDecoder": "decoder",
    "Objective": "objective",
}


def pages() -> dict[str, str]:
    """The text of each page, by file name."""
    return {"commands.md": _commands(), "recipes.md": _recipes(), "python.md": _python()}


def _commands() -> str:
    lines = [
        "# Commands",
        "",
        "Exit codes: 0 success, 1 leakage found by `data check`, 2 wrong usage or bad input, "
        "130 interrupted (state saved).",
    ]
    root = typer.main.get_command(app)
    for name, command in _leaves(root, "scanvq"):
        lines += ["", f"## {name}", "", inspect.cleandoc(command.help or ""), ""]
        lines += ["| argument | meaning |", "|---|---|"]
        lines += [
            f"| {_parameter(argument)} | {_meaning(argument)} |"
            for argument in command.params
            if argument.name != "help"
        ]
    return "\n".join(lines) + "\n"


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for sub, inner in command.commands.items():
            yield from _leaves(inner, f"{name} {sub}")
    else:
        yield name, command


def _parameter(argument: Any) -> str:
    if argument.param_type_name == "argument":
        return f"`{argument.name.upper()}`"
    return ", ".join(f"`{option}`" for option in argument.opts)


def _meaning(argument: Any) -> str:
    meaning = (getattr(argument, "help", None) or "").replace("|", "\\|")
    default = argument.default
    shown = default not in (None, (), [], False) and getattr(argument, "show_default", True)
    return f"{meaning} Default: `{getattr(default, 'value', default)}`." if shown else meaning


def _recipes() -> str:
    lines = ["# Recipe settings", "", "All settings of a recipe, generated from the signatures of its parts."]
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
        return ["No settings."]
    meanings = _arguments(maker)
    parameters = inspect.signature(maker).parameters
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name in names:
        default = parameters[name].default
        shown = "required" if default is inspect.Parameter.empty else f"`{default!r}`"
        rows.append(f"| `{name}` | {shown} | {meanings.get(name, '')} |")
    return rows


def _summary(maker: Any) -> str:
    return inspect.cleandoc(maker.__doc__ or "").split("\nArgs:")[0].strip()


def _arguments(maker: Any) -> dict[str, str]:
    """Name to meaning, from the Args sections of the docstrings of the class and its constructor."""
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
    for function in (api.fit, api.load, api.plan):
        lines += [f"## scanvq.{function.__name__}", "", *_code(function, function.__name__), *_doc(function)]
    for shown in (api.Model, api.Run):
        lines += [f"## scanvq.{shown.__name__}", "", *_doc(shown)]
        for name, attribute in inspect.getmembers(shown, lambda member: isinstance(member, property)):
            if attribute.__doc__:
                lines += [f"### {shown.__name__}.{name} (property)", "", *_doc(attribute)]
        for name, method in inspect.getmembers(shown, inspect.isroutine):
            if not name.startswith("_"):
                lines += [f"### {shown.__name__}.{name}", "", *_code(method, name), *_doc(method)]
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
