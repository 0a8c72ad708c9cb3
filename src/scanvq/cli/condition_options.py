"""Command-line options for requested conditions and guidance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

ConditionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        metavar="NAME=VALUE",
        help="Requested value of a condition, such as age=70 or slice_position=0.5 (the middle of a volume); "
        "repeat for several. The conditions of a run are in its data.conditions.",
        show_default=False,
    ),
]
LabelOption = Annotated[
    str | None,
    typer.Option("--label", help="Requested class, such as AD; = --condition label=AD.", show_default=False),
]
GuidanceOption = Annotated[
    float | None,
    typer.Option(
        help="Scale of classifier-free guidance towards --condition and --label; 1 = off. "
        "Default: the recipe's.",
        show_default=False,
    ),
]


def parse_conditions(conditions: Sequence[str] | None, label: str | None) -> dict[str, str | float]:
    """Parses the options to requested values by name.

    Raises:
        ValueError: an option that is not NAME=VALUE, or two values for the same name.
    """
    from scanvq.model.requested_values import with_label

    requested: dict[str, str | float] = {}
    for option in conditions or ():
        name, equals, value = option.partition("=")
        if not (name and equals and value):
            raise ValueError(f"--condition is {option!r}; write it as NAME=VALUE, such as age=70")
        if requested.setdefault(name, value) != value:
            raise ValueError(f"--condition has {name} twice, {requested[name]} and {value}; give one value")
    return with_label(requested, label)
