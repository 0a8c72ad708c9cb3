"""The options that say what samples are asked to be: named conditions, and the label by a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

ConditionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        metavar="NAME=VALUE",
        help="Only of this condition, such as age=70 or slice_position=0.5 (the middle of the volume); "
        "repeat it for several. Which a run knows: its data.conditions.",
        show_default=False,
    ),
]
LabelOption = Annotated[
    str | None,
    typer.Option("--label", help="Only of this class, such as AD: --condition label=AD.", show_default=False),
]
GuidanceOption = Annotated[
    float | None,
    typer.Option(
        help="With --condition or --label, above 1: more of what sets these apart. Default: the recipe's.",
        show_default=False,
    ),
]


def parse_conditions(conditions: Sequence[str] | None, label: str | None) -> dict[str, str | float]:
    """Values by name, as they are written.

    Raises:
        ValueError: an option that is not NAME=VALUE, or two values for one name.
    """
    from scanvq.model.requested_values import with_label

    requested: dict[str, str | float] = {}
    for option in conditions or ():
        name, equals, value = option.partition("=")
        if not (name and equals and value):
            raise ValueError(f"--condition is {option!r}; write it as NAME=VALUE, such as age=70")
        if requested.setdefault(name, value) != value:
            raise ValueError(f"--condition gives {name} twice: {requested[name]} and {value}")
    return with_label(requested, label)
